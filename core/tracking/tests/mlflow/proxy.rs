//! A listener in front of the server that fails when it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Not carried out; the connection is closed.
    Closed,
    /// Not carried out; the answer says that the server is in trouble.
    Status500,
    /// Not carried out; the answer is somebody else's.
    Garbage,
    /// Carried out; the connection is closed before the answer.
    Unanswered,
}

#[derive(Default)]
struct Orders {
    seen: Vec<String>,
    fault: Option<(Chosen, Fault)>,
}

enum Chosen {
    /// How many requests pass before.
    After(usize),
    /// What is in the method and the path.
    With(String),
}

/// One request a connection, one connection at a time.
pub(crate) struct Proxy {
    port: u16,
    orders: Arc<Mutex<Orders>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub(crate) fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let orders = Arc::new(Mutex::new(Orders::default()));
        let ended = Arc::new(AtomicBool::new(false));
        let (shared, over) = (Arc::clone(&orders), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                // A client that went away is no error of the proxy.
                let _ = answer(&connection.unwrap(), server, &shared);
            }
        });
        Self {
            port,
            orders,
            ended,
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Meets one request, after so many others.
    pub(crate) fn meet_nth(&self, n: usize, fault: Fault) {
        self.orders.lock().unwrap().fault = Some((Chosen::After(n), fault));
    }

    /// Meets the next request with this in its method and path.
    pub(crate) fn meet(&self, with: &str, fault: Fault) {
        self.orders.lock().unwrap().fault = Some((Chosen::With(with.to_owned()), fault));
    }

    /// Forgets the fault; whether it was still to be met.
    pub(crate) fn heal(&self) -> bool {
        self.orders.lock().unwrap().fault.take().is_some()
    }

    /// Method and path of the requests since this was asked last.
    pub(crate) fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut self.orders.lock().unwrap().seen)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut client: &TcpStream, server: u16, orders: &Mutex<Orders>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    let mut head = Vec::new();
    let mut length = 0;
    let mut first = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let name = line.to_ascii_lowercase();
        if let Some(value) = name.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        if !name.starts_with("connection:") {
            head.extend_from_slice(line.as_bytes());
        }
    }
    if first.is_empty() {
        return Ok(());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let fault = chosen(&mut orders.lock().unwrap(), &first);
    let say = |status: &str, words: &str| {
        let length = words.len();
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{words}")
    };
    match fault {
        Some(Fault::Closed) => return client.shutdown(Shutdown::Both),
        Some(Fault::Status500) => {
            return client.write_all(say("500 Internal Server Error", "made up").as_bytes());
        }
        Some(Fault::Garbage) => {
            return client.write_all(say("200 OK", "<html>made up</html>").as_bytes());
        }
        Some(Fault::Unanswered) | None => {}
    }
    let mut upstream = TcpStream::connect(("127.0.0.1", server))?;
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    upstream.write_all(&head)?;
    upstream.write_all(&body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    if fault.is_some() {
        return client.shutdown(Shutdown::Both);
    }
    // Whatever the server said of the connection, this one ends here.
    client.write_all(&answer)
}

fn chosen(orders: &mut Orders, first: &str) -> Option<Fault> {
    let request = first.rsplit_once(' ').map_or(first, |(request, _)| request);
    orders.seen.push(request.to_owned());
    let met = match &mut orders.fault {
        Some((Chosen::After(left), _)) if *left > 0 => {
            *left -= 1;
            false
        }
        Some((Chosen::With(with), _)) => request.contains(with.as_str()),
        fault => fault.is_some(),
    };
    if met {
        orders.fault.take().map(|(_, fault)| fault)
    } else {
        None
    }
}
