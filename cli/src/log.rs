//! Log lines, and traces for a collector of OpenTelemetry where one is configured.
//!
//! Lines go to stderr, so that stdout stays what a program would read. `GEOCROP_LOG` says which (`info`,
//! `geocrop_api=debug`), over the command line's `-v`.

use anyhow::{Context as _, Result};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, filter};

use crate::config::{Config, Usage};

/// Sends what is left of the traces when it is dropped.
pub(crate) struct Log(Option<SdkTracerProvider>);

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take()
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Begins to log.
pub(crate) fn start(config: &Config, verbose: u8) -> Result<Log> {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("GEOCROP_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match config.get("log.format") {
        "text" => lines.boxed(),
        // One object a line, with the fields of the request or the run around it.
        "json" => lines.json().flatten_event(true).boxed(),
        other => {
            return Err(Usage(format!("log.format = '{other}': expected 'text' or 'json'")).into());
        }
    };
    let provider = match config.optional("otlp.endpoint") {
        Some(endpoint) => Some(provider(&endpoint)?),
        None => None,
    };
    let traces = provider.as_ref().map(|provider| {
        // Our own spans alone: what sends them would else be traced itself, without an end.
        let ours = filter::filter_fn(|about| about.target().starts_with("geocrop"));
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("geocrop"))
            .with_filter(ours)
    });
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces)
        .init();
    Ok(Log(provider))
}

/// Sends spans in batches, on a thread of its own, to `<endpoint>/v1/traces`.
fn provider(endpoint: &str) -> Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .with_context(|| format!("otlp.endpoint = '{endpoint}': no traces can be sent there"))?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(
            Resource::builder()
                .with_service_name("geocrop")
                .with_attribute(opentelemetry::KeyValue::new(
                    "service.version",
                    env!("CARGO_PKG_VERSION"),
                ))
                .build(),
        )
        .build())
}
