//! A page that waits for the video in its address (`?id=...`) and draws how far it is. It has no key:
//! its own server is asked, which forwards the question with the key. A reload goes on where the
//! page was.
#![cfg(target_arch = "wasm32")]

use iacrea_video::web::{Client, Failure, PollOptions, Status, Update};
use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, HtmlProgressElement, HtmlVideoElement, Storage, UrlSearchParams};

/// Runs when the page has loaded the module.
#[wasm_bindgen(start)]
fn start() -> Result<(), JsValue> {
    let window = web_sys::window().ok_or("there is no page")?;
    let address = UrlSearchParams::new_with_str(&window.location().search()?)?;
    let view = View::find(&window.document().ok_or("there is no document")?)?;
    let storage = window.session_storage()?.ok_or("there is no storage")?;
    let Some(id) = address.get("id") else {
        view.status
            .set_text_content(Some("Add ?id=... to the address"));
        return Ok(());
    };
    wasm_bindgen_futures::spawn_local(async move {
        if let Err(failure) = watch(&id, &view, &storage).await {
            view.fail(&failure);
        }
    });
    Ok(())
}

async fn watch(id: &str, view: &View, storage: &Storage) -> Result<(), Failure> {
    // A route of this page's own server that adds the key.
    let client = Client::builder().base_url("video-proxy").build()?;
    let token = storage.get_item(id).unwrap_or_default();
    let mut poll = match client.poll(id, &PollOptions::new().resume_token(token)) {
        // An older version of the page may have left the token there.
        Err(_) => client.poll(id, &PollOptions::new())?,
        poll => poll?,
    };
    while let Some(update) = poll.next().await {
        // Also in front of a failure: who reloads the page tries again from here.
        let _ = storage.set_item(id, &poll.resume_token());
        view.draw(&update?);
    }
    Ok(())
}

/// The parts of the page that change.
struct View {
    bar: HtmlProgressElement,
    status: Element,
    player: HtmlVideoElement,
}

impl View {
    fn find(document: &Document) -> Result<Self, JsValue> {
        let find = |id| {
            document
                .get_element_by_id(id)
                .ok_or("a part of the page is missing")
        };
        Ok(Self {
            bar: find("bar")?.dyn_into()?,
            status: find("status")?,
            player: find("player")?.dyn_into()?,
        })
    }

    fn draw(&self, update: &Update) {
        self.bar.set_value(update.overall);
        let percent = (100.0 * update.overall) as u32;
        let mut words = format!("{percent} % {}", update.video.status.name());
        if let Some(left) = update.remaining_ms {
            words += &format!(", {} s left", left.div_ceil(1_000));
        }
        if let Some(code) = update.retrying {
            words += &format!(" (trying again: {})", code.as_str());
        }
        self.status.set_text_content(Some(&words));
        if let Status::Done { url, .. } = &update.video.status {
            self.player.set_src(url);
        }
    }

    fn fail(&self, failure: &Failure) {
        self.status.set_text_content(Some(&failure.to_string()));
        // For whoever styles it, or looks whether to offer another try.
        let _ = self
            .status
            .set_attribute("data-code", failure.code.as_str());
    }
}
