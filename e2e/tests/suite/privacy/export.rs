//! All that is held about a guest, opened with a reader of ZIP files.

use std::io::{Cursor, Read};

use bellhop_e2e::{Api, eventually};
use serde_json::{Value, json};
use zip::ZipArchive;

use super::{JPEG, guest_id, hotel, patch, photo, put, text};

const PHONE: &str = "+4915112345678";

async fn fetched(api: &Api, guest: &str) -> ZipArchive<Cursor<Vec<u8>>> {
    let url = format!("{}/guests/{guest}/export", api.base);
    let answer = reqwest::Client::new().get(url).bearer_auth(&api.token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/zip");
    ZipArchive::new(Cursor::new(answer.bytes().await.unwrap().to_vec())).unwrap()
}

fn file(archive: &mut ZipArchive<Cursor<Vec<u8>>>, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_has_all_that_is_held_and_nothing_of_others() {
    let hotel = hotel().await;
    hotel.guest("+14155552671", "Ana").await;
    hotel.guest(PHONE, "Zebulon").await;
    let guest = guest_id(&hotel, PHONE).await;
    photo(&hotel, PHONE, b"a mark", "the sea").await;
    let sent = hotel.staff.text(PHONE, "Welcome").await.expect(202);
    hotel.staff.until(&text(&sent, "message_id"), &["read"]).await;
    patch(&hotel.staff, &format!("/guests/{guest}"), json!({"notes": "likes quiet"})).await.expect(200);
    let consent = json!({"kind": "marketing", "state": "opted_in", "evidence": "a form"});
    put(&hotel.staff, &format!("/guests/{guest}/consent"), consent).await.expect(200);
    let media = eventually("the picture to be here", || async {
        let page = hotel.staff.get("/events?types=media_received").await.expect(200);
        Some(text(&page["data"].as_array()?.first()?["data"], "media_id"))
    })
    .await;

    let mut archive = fetched(&hotel.admin, &guest).await;
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let picture = names.iter().find(|name| name.starts_with(&format!("media/{media}."))).unwrap();
    assert_eq!(file(&mut archive, picture), [JPEG, b"a mark"].concat());
    let held: Value = serde_json::from_slice(&file(&mut archive, "guest.json")).unwrap();
    assert_eq!(held["guest"]["shown"]["notes"], "likes quiet");
    assert!(held["identifiers"].as_array().unwrap().iter().any(|known| known["value"] == PHONE));
    assert_eq!(held["consent"][0]["evidence"], "a form");
    let said: Vec<&Value> =
        held["messages"].as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert_eq!(said.iter().filter(|content| content["text"] == "Welcome").count(), 1);
    assert!(said.iter().any(|content| content["caption"] == "the sea"));
    let statuses =
        held["messages"].as_array().unwrap().iter().find(|m| m["content"]["text"] == "Welcome").unwrap();
    assert!(!statuses["statuses"].as_array().unwrap().is_empty());
    let events = held["events"].as_array().unwrap();
    assert!(!events.is_empty() && events.iter().all(|event| event["data"]["guest_id"] == guest.as_str()));
    assert!(!held.to_string().contains("Ana"));

    // For admins of this hotel only.
    assert_eq!(hotel.staff.get(&format!("/guests/{guest}/export")).await.refused(403), "FORBIDDEN");
    hotel.close().await;
}
