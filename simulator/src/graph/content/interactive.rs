//! Interactive messages: reply buttons, lists, links, and the request for a location.

use std::collections::HashSet;

use super::{At, Content, Scene, check_media};
use crate::{graph::GraphError, media::Kind};

const BODY: usize = 1_024;
const LIST_BODY: usize = 4_096;
/// Texts of headers and footers.
const SHORT: usize = 60;
/// Labels of buttons of all kinds.
const LABEL: usize = 20;
/// Titles of sections and rows.
const TITLE: usize = 24;
const BUTTON_ID: usize = 256;
const ROW_ID: usize = 200;
const DESCRIPTION: usize = 72;
const BUTTONS: usize = 3;
/// Sections, and rows over all of them.
const ROWS: usize = 10;

pub(super) fn parse(scene: &Scene<'_>, at: &At<'_>) -> Result<Content, GraphError> {
    let kind = at.need("type")?;
    let body = match kind.string()? {
        "button" => {
            header(scene, at, true)?;
            buttons(&at.need("action")?)?;
            BODY
        }
        "list" => {
            header(scene, at, false)?;
            list(&at.need("action")?)?;
            LIST_BODY
        }
        "cta_url" => {
            header(scene, at, true)?;
            link(&at.need("action")?)?;
            BODY
        }
        "location_request_message" => {
            at.need("action")?.need("name")?.one_of(&["send_location"])?;
            BODY
        }
        other @ ("flow"
        | "product"
        | "product_list"
        | "catalog_message"
        | "carousel"
        | "order_details"
        | "order_status"
        | "address_message"
        | "voice_call"
        | "call_permission_request") => {
            let details = format!("The simulator does not carry interactive messages of type {other}");
            return Err(GraphError::new(131_051, details));
        }
        _ => {
            let known = ["button", "list", "cta_url", "location_request_message"];
            return Err(kind.refuse(&format!("must be one of {{{}}}", known.join(", "))));
        }
    };
    let text = at.need("body")?.need("text")?.text(body)?;
    if let Some(footer) = at.get("footer") {
        footer.need("text")?.text(SHORT)?;
    }
    Ok(Content::free("interactive", text))
}

fn header(scene: &Scene<'_>, at: &At<'_>, media: bool) -> Result<(), GraphError> {
    let Some(header) = at.get("header") else { return Ok(()) };
    let allowed: &[&str] = if media { &["text", "image", "video", "document"] } else { &["text"] };
    match header.need("type")?.one_of(allowed)? {
        "image" => check_media(scene, &header.need("image")?, Kind::Image),
        "video" => check_media(scene, &header.need("video")?, Kind::Video),
        "document" => check_media(scene, &header.need("document")?, Kind::Document),
        _ => header.need("text")?.text(SHORT).map(|_| ()),
    }
}

fn buttons(action: &At<'_>) -> Result<(), GraphError> {
    let (mut ids, mut titles) = (HashSet::new(), HashSet::new());
    for button in action.need("buttons")?.items(1, BUTTONS)? {
        button.need("type")?.one_of(&["reply"])?;
        let reply = button.need("reply")?;
        let (id, title) = (reply.need("id")?, reply.need("title")?);
        check_id(&id, BUTTON_ID, &mut ids)?;
        if !titles.insert(title.text(LABEL)?) {
            return Err(title.refuse("is the title of another button"));
        }
    }
    Ok(())
}

/// Ids of buttons and rows come back in replies, so no two may be the same.
fn check_id<'a>(at: &At<'a>, most: usize, seen: &mut HashSet<&'a str>) -> Result<(), GraphError> {
    let id = at.text(most)?;
    if id.trim() != id {
        return Err(at.refuse("must not begin or end with a space"));
    }
    if !seen.insert(id) {
        return Err(at.refuse("is the id of another one"));
    }
    Ok(())
}

fn list(action: &At<'_>) -> Result<(), GraphError> {
    action.need("button")?.text(LABEL)?;
    let (mut ids, mut rows) = (HashSet::new(), 0);
    let place = action.need("sections")?;
    let sections = place.items(1, ROWS)?;
    for section in &sections {
        match section.get("title") {
            Some(title) => {
                title.text(TITLE)?;
            }
            None if sections.len() > 1 => {
                section.need("title")?;
            }
            None => {}
        }
        for row in section.need("rows")?.items(1, ROWS)? {
            rows += 1;
            check_id(&row.need("id")?, ROW_ID, &mut ids)?;
            row.need("title")?.text(TITLE)?;
            if let Some(description) = row.get("description") {
                description.text(DESCRIPTION)?;
            }
        }
    }
    if rows > ROWS {
        return Err(place.refuse(&format!("must have at most {ROWS} rows in total; it has {rows}")));
    }
    Ok(())
}

fn link(action: &At<'_>) -> Result<(), GraphError> {
    action.need("name")?.one_of(&["cta_url"])?;
    let parameters = action.need("parameters")?;
    parameters.need("display_text")?.text(LABEL)?;
    parameters.need("url")?.url().map(|_| ())
}
