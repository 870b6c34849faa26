//! The pages of models: the card of the version that serves, and a lasting address for each version's.

use rayon::prelude::*;

use super::{Page, Site, json};
use crate::cache::Prior;
use crate::card::Motif;
use crate::error::SiteError;
use crate::hash::of_parts;
use crate::models::Models;
use crate::structured::Subject;
use crate::view::{self, Files, ModelPage};

impl Site {
    /// The page of each model and of each of its versions. `list` is the address of the page that lists them, if any.
    pub(super) fn models(
        &self,
        models: &Models,
        files: &Files,
        list: Option<&str>,
        prior: &Prior,
    ) -> Result<Vec<Page>, SiteError> {
        let views: Vec<ModelPage> = models
            .iter()
            .flat_map(|(name, model)| view::model_pages(name, model, files, &self.store_href, list))
            .collect();
        views
            .par_iter()
            .map(|view| self.modelled(view, prior))
            .collect()
    }

    fn modelled(&self, view: &ModelPage, prior: &Prior) -> Result<Page, SiteError> {
        let key = of_parts(&[self.frame_hash.bytes(), &json(view)]);
        let names = (view.address.as_str(), view.title.as_str(), "model.html");
        let (title, description) = (&view.title, &view.description);
        let card = self.card(&view.address, title, description, (Motif::Fields, ""));
        let mut page = self.page(names, key, prior, card, |card| {
            let mut context =
                self.context(&Subject::Model, title, description, &view.address, card);
            context.insert("model", view);
            self.render("model.html", &context)
        })?;
        if !view.is_home() {
            // A search finds the model; what its versions say is nearly the same, several times over.
            page.passages.clear();
        }
        Ok(page)
    }
}
