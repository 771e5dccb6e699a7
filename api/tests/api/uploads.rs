//! Batches as files, both ways.

use std::fmt::Write;

use futures_util::stream;
use poem::Body;
use poem::http::Method;
use serde_json::{Value, json};

use crate::batches::refusals;
use crate::support::{Answered, GUEST, World};

const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";
const FOLLOWUP: &str = "?template_name=service_followup";

fn phone(n: usize) -> String {
    format!("+9725{:08}", 1_000_000 + n)
}

/// A file of so many rows with a template each.
fn rows(count: usize) -> String {
    let mut file = "phone,template_name\r\n".to_owned();
    for n in 0..count {
        write!(file, "{},service_followup\r\n", phone(n)).unwrap();
    }
    file
}

/// A body that comes in pieces, as from a socket.
fn in_pieces(file: String) -> Body {
    let pieces: Vec<_> = file.into_bytes().chunks(16 << 10).map(<[u8]>::to_vec).collect();
    Body::from_bytes_stream(stream::iter(pieces.into_iter().map(std::io::Result::Ok)))
}

impl World {
    async fn texts(&self, accepted: &Value) -> Vec<(i64, String)> {
        let path = format!("/batches/{}/recipients", accepted["batch_id"].as_str().unwrap());
        let mut texts = Vec::new();
        for sent in self.get(&path).await.ok(200)["data"].as_array().unwrap() {
            let id = sent["message_id"].as_str().unwrap();
            let message = self.get(&format!("/messages/{id}")).await.ok(200);
            let text = message["content"]["text"].as_str().unwrap().to_owned();
            texts.push((sent["line"].as_i64().unwrap(), text));
        }
        texts
    }

    async fn nothing_kept(&self) {
        for table in ["batches", "messages", "batch_refusals", "batch_chunks", "idempotency_keys"] {
            assert_eq!(self.rows(table).await, 0, "{table}");
        }
        assert_eq!(self.get("/batches").await.ok(200)["data"], json!([]));
        assert_eq!(self.get("/messages").await.ok(200)["data"], json!([]));
    }
}

/// The line that a refused file names.
#[track_caller]
fn faulty_line(answer: &Answered) -> (i64, String) {
    assert_eq!(answer.wrong_fields(), ["body"]);
    let error = answer.error(400, "VALIDATION_FAILED");
    let line = error["details"]["line"].as_i64().unwrap();
    let reason = error["details"]["fields"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with(&format!("line {line}: ")), "{reason}");
    (line, reason)
}

#[tokio::test]
async fn csv_in_all_its_forms() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    for (file, texts) in [
        (
            "phone,content,template_name,language,room\n+1234567890,\"Hello, \"\"you\"\"\r\nthere\",,,\n\
             +972501234567,,welcome_checkin,en,205\n",
            [(2, "Hello, \"you\"\r\nthere"), (4, "Welcome to room 205")],
        ),
        (
            "\u{feff}phone;content;template_name;room\r\n+1234567890;Hello, you;;\r\n\r\n\
             050-123-4567;;welcome_checkin;205",
            [(2, "Hello, you"), (4, "Welcome to room 205")],
        ),
    ] {
        let accepted = world.upload("", CSV, file).await.ok(202);
        assert_eq!(accepted["refusals"], json!([]));
        let expected: Vec<_> = texts.iter().map(|(line, text)| (*line, (*text).to_owned())).collect();
        assert_eq!(world.texts(&accepted).await, expected);
    }
    let file = format!("phone,language,room\n{},,1\n{},he,2\n", phone(1), phone(2));
    let query = "?template_name=welcome_checkin&language=en";
    let accepted = world.upload(query, "text/csv; charset=UTF-8", file).await.ok(202);
    let expected = [(2, "Welcome to room 1".to_owned()), (3, "שלום 2".to_owned())];
    assert_eq!(world.texts(&accepted).await, expected);
}

#[tokio::test]
async fn ndjson_of_messages_and_of_recipients() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    let file = "{\"phone\": \"+1234567890\", \"content\": \"one\"}\r\n\r\n\
        {\"phone\": \"+1234567890\", \"reference\": \"b\", \"content\": {\"type\": \"text\", \"text\": \"two\"}}\n\
        {\"phone\": \"+972501234567\", \"content\": {\"type\": \"fax\"}}";
    let accepted = world.upload("", NDJSON, file).await.ok(202);
    assert_eq!(world.texts(&accepted).await, [(1, "one".to_owned()), (3, "two".to_owned())]);
    assert_eq!(refusals(&accepted), [(4, "content.type".to_owned(), "rejected".to_owned())]);
    let file = "\u{feff}{\"phone\": \"+972501234567\", \"parameters\": {\"room\": 7}}\n";
    let accepted = world.upload("?template_name=welcome_checkin", "application/jsonl", file).await.ok(202);
    assert_eq!(world.texts(&accepted).await, [(1, "Welcome to room 7".to_owned())]);
}

#[tokio::test]
async fn a_row_that_is_wrong_is_refused_alone() {
    let world = World::new().await;
    let long = "x".repeat(129);
    let file = format!(
        "phone,guest_id,reference,content,template_name,room\n\
         {},,,,welcome_checkin,1\n\
         12,,,,welcome_checkin,1\n\
         =1+1,,,,welcome_checkin,1\n\
         {},,,,welcome_checkin,@SUM(1)\n\
         {},,,,welcome_checkin,\"\t=1\"\n\
         {},,,,welcome_checkin,\n\
         {},,,,,\n\
         {},,,hi,welcome_checkin,1\n\
         {},,{long},,welcome_checkin,1\n\
         050-100-0001,,,,welcome_checkin,1\n\
         {},,plus-one,,welcome_checkin,1\n",
        phone(1),
        phone(2),
        phone(3),
        phone(4),
        phone(5),
        phone(6),
        phone(7),
        phone(1),
    );
    let accepted = world.upload("", CSV, file).await.ok(202);
    assert_eq!(accepted["accepted"], 2, "{accepted:#}");
    let line = |line, field: &str| (line, field.to_owned(), "rejected".to_owned());
    let expected = [
        line(3, "phone"),
        line(4, "phone"),
        line(5, "room"),
        line(6, "room"),
        line(7, "parameters"),
        line(8, "content"),
        line(9, "content"),
        line(10, "reference"),
        (11, "phone".to_owned(), "duplicate".to_owned()),
    ];
    assert_eq!(refusals(&accepted), expected);
    let missing =
        &accepted["refusals"].as_array().unwrap().iter().find(|r| r["line"] == 7).unwrap()["reason"];
    assert!(missing.as_str().unwrap().contains("room"), "{missing}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_refused_whole() {
    let world = World::new().await;
    let broken = |row: &[u8]| -> Vec<u8> {
        let (head, tail) = (rows(1_499), rows(1_500).split_off("phone,template_name\r\n".len()));
        [head.as_bytes(), row, b"\r\n", tail.as_bytes()].concat()
    };
    for (row, what) in [
        (&b"+972501234567,\"service_followup"[..], "text follows the closing quote|never closed|not closed"),
        (b"+972501234567,\"service\"_followup", "text follows the closing quote"),
        (b"+972501234567,service \"followup\"", "does not begin with one"),
        (b"+972501234567,caf\xe9", "0xE9"),
        (b"+972501234567,a\0b", "NUL"),
        (b"+972501234567", "has 1 cells where the header has 2"),
        (b"+972501234567,service_followup,x", "has 3 cells where the header has 2"),
    ] {
        let answer = world.upload("", CSV, broken(row)).await;
        let (line, reason) = faulty_line(&answer);
        assert_eq!(line, 1_501, "{reason}");
        assert!(what.split('|').any(|what| reason.contains(what)), "{reason}");
        world.nothing_kept().await;
    }
    let object = "{\"phone\": \"+972501234567\"}\n".repeat(1_500);
    for (row, what) in [
        (&b"[1]"[..], "not a JSON object"),
        (b"{\"phone\"}", "is not JSON"),
        (b"{\"phone\": \"\xe9\"}", "0xE9"),
        (b"\0", "NUL"),
        (&[b' '; 65_537], "longer than 65536 bytes"),
    ] {
        let file = [object.as_bytes(), row, b"\n", object.as_bytes()].concat();
        let (line, reason) = faulty_line(&world.upload(FOLLOWUP, NDJSON, file).await);
        assert_eq!(line, 1_501);
        assert!(reason.contains(what), "{reason}");
        world.nothing_kept().await;
    }
}

#[tokio::test]
async fn headers_and_encodings_that_are_wrong_say_how() {
    let world = World::new().await;
    let utf16: Vec<u8> = "\u{feff}phone,content\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (file, line, what) in [
        (&b""[..], 1, "empty"),
        (b"\xef\xbb\xbf\r\n", 1, "empty"),
        (b"phone,content\n", 1, "no rows"),
        (b"name,content\n1,2\n", 1, "\"phone\" or \"guest_id\" is missing"),
        (b"\nphone,content,phone\n", 2, "\"phone\" stands there twice"),
        (b"phone,,x\n", 1, "column 2 has no name"),
        (b"phone,content\n+1,\"a\nb\n", 2, "never closed"),
        (b"phone,content\n+1,\"a\nb\"c\n", 3, "opened in line 2"),
        (&utf16, 1, "UTF-16"),
        (&utf16[2..], 1, "UTF-16"),
        (b"PK\x03\x04", 1, "workbook"),
    ] {
        let (named, reason) = faulty_line(&world.upload("", CSV, file.to_vec()).await);
        assert_eq!(named, line, "{reason}");
        assert!(reason.contains(what), "{reason}");
    }
    world.nothing_kept().await;
}

#[tokio::test]
async fn kinds_that_are_not_taken_are_415() {
    let world = World::new().await;
    for kind in ["application/json", "text/plain", "application/vnd.ms-excel", "text/csv; charset=iso-8859-1"]
    {
        world.upload("", kind, "phone\n1\n").await.error(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let ask = world.request(Method::POST, "/batches/upload").token(&world.staff).body("phone\n");
    ask.send().await.error(415, "UNSUPPORTED_MEDIA_TYPE");
    let ask = world.request(Method::POST, "/batches/upload").token(&world.staff).header("content-type", CSV);
    let packed = ask.header("content-encoding", "gzip").body("phone\n").send().await;
    packed.error(415, "UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn options_stand_in_the_query() {
    let world = World::new().await;
    let file = format!("phone,content\n{GUEST},hi\n");
    let at = "2099-01-01T00:00:00Z";
    for (query, field) in [
        ("messages_per_second=0", "messages_per_second"),
        ("batch_size=1001", "batch_size"),
        ("batch_size=many", "batch_size"),
        ("max_retries=21", "max_retries"),
        ("retry_delay=-1", "retry_delay"),
        ("retry_failed=maybe", "retry_failed"),
        ("in_doubt=shrug", "in_doubt"),
        ("send_at=tomorrow", "send_at"),
        (&format!("send_at={at}"), "send_at"),
        (&format!("name={}", "x".repeat(201)), "name"),
    ] {
        let answer = world.upload(&format!("?{query}"), CSV, file.clone()).await;
        assert_eq!(answer.wrong_fields(), [field], "{query}");
    }
    let fallback = "?fallback_template=unknown";
    world.upload(fallback, CSV, file.clone()).await.error(404, "TEMPLATE_NOT_FOUND");
    world.nothing_kept().await;
    let query = "?name=Storm&messages_per_second=5&batch_size=10&retry_failed=false&track_delivery=false\
                 &in_doubt=resend&fallback_template=service_followup&fallback_language=en";
    let accepted = world.upload(query, CSV, file).await.ok(202);
    let batch = world.get(&format!("/batches/{}", accepted["batch_id"].as_str().unwrap())).await.ok(200);
    assert_eq!((&batch["name"], &batch["messages_per_second"]), (&json!("Storm"), &json!(5.0)));
    assert_eq!(batch["counts"]["queued"], 1, "the fallback covers a closed window");
    let later = (chrono::Utc::now() + chrono::TimeDelta::days(1)).to_rfc3339().replace('+', "%2B");
    let query = format!("{FOLLOWUP}&send_at={later}");
    let scheduled = world.upload(&query, CSV, format!("phone\n{GUEST}\n")).await.ok(202);
    assert_eq!(scheduled["status"], "scheduled");
}

#[tokio::test]
async fn a_repeat_must_be_of_the_same_file() {
    let world = World::new().await;
    let send = async |query: &str, file: String| {
        let ask = world.request(Method::POST, &format!("/batches/upload{query}")).token(&world.staff);
        let ask = ask.header("content-type", CSV).header("idempotency-key", "storm");
        ask.body(in_pieces(file)).send().await
    };
    send("", format!("{}\"", rows(1_500))).await.error(400, "VALIDATION_FAILED");
    // What was refused left no key behind.
    let first = send("", rows(1_500)).await.ok(202);
    assert_eq!(first["accepted"], 1_500);
    let again = send("", rows(1_500)).await.ok(202);
    assert_eq!(again["batch_id"], first["batch_id"]);
    send("", rows(1_500).replace(&phone(7), &phone(9_999))).await.error(422, "IDEMPOTENCY_KEY_REUSED");
    send("?name=other", rows(1_500)).await.error(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!((world.rows("batches").await, world.rows("messages").await), (1, 1_500));
}

#[tokio::test]
async fn a_file_over_the_limit_is_413() {
    let world = World::new().await;
    let blank = |megabytes: usize| {
        let head = std::iter::once(rows(5).into_bytes());
        let pieces = head.chain((0..megabytes * 16).map(|_| vec![b'\n'; 64 << 10]));
        Body::from_bytes_stream(stream::iter(pieces.map(std::io::Result::Ok)))
    };
    let over = world.upload("", CSV, blank(64)).await;
    let error = over.error(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(error["details"]["limit_bytes"], 64 << 20);
    let ask = world.request(Method::POST, "/batches/upload").token(&world.staff).header("content-type", CSV);
    let told = ask.header("content-length", "67108865").body(rows(5)).send().await;
    told.error(413, "PAYLOAD_TOO_LARGE");
    world.nothing_kept().await;
    // More than any other body may have.
    assert_eq!(world.upload("", CSV, blank(6)).await.ok(202)["accepted"], 5);
}

#[tokio::test]
async fn a_file_of_too_many_is_413() {
    let world = World::new().await;
    // Rows without a content are refused, and count.
    let file = rows(10) + &format!("{},\r\n", phone(1)).repeat(99_991);
    let error = world.upload("", CSV, in_pieces(file)).await.error(413, "PAYLOAD_TOO_LARGE");
    assert!(error["message"].as_str().unwrap().contains("100000"), "{error}");
    world.nothing_kept().await;
}

/// The cells of an answer that is CSV.
fn cells(answer: &Answered) -> Vec<Vec<String>> {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(answer.text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn recipients_come_back_as_csv() {
    let world = World::new().await;
    let accepted = world.upload("", CSV, in_pieces(rows(2_500))).await.ok(202);
    let id = accepted["batch_id"].as_str().unwrap();
    let path = format!("/batches/{id}/recipients");
    let ask = world.request(Method::GET, &path).token(&world.staff).header("accept", "text/csv");
    let answer = ask.send().await;
    assert_eq!(answer.header("content-disposition").unwrap(), format!("attachment; filename=\"{id}.csv\""));
    let all = cells(&answer);
    let header = "line,reference,phone,guest_id,message_id,status,wamid,attempts,sent_at,delivered_at,read_at,\
                  failure_reason";
    assert_eq!(all[0].join(","), header);
    let sent: Vec<_> = all[1..].iter().map(|row| (row[0].clone(), row[2].clone(), row[5].clone())).collect();
    let expected: Vec<_> = (0..2_500).map(|n| ((n + 2).to_string(), phone(n), "queued".to_owned())).collect();
    assert_eq!(sent, expected);
    // A spreadsheet's user picks the column of numbers and uploads it again.
    let again: String = all.iter().map(|row| format!("{}\n", row[2])).collect();
    assert_eq!(world.upload(FOLLOWUP, CSV, again).await.ok(202)["accepted"], 2_500);
    assert_eq!(cells(&world.get(&format!("{path}?format=csv&status=queued&limit=1")).await).len(), 2_501);
    assert_eq!(cells(&world.get(&format!("{path}?format=csv&status=failed")).await).len(), 1);
    assert_eq!(world.get(&format!("{path}?format=xml")).await.wrong_fields(), ["format"]);
    let ask = world.request(Method::GET, &format!("{path}?format=json&limit=1")).token(&world.staff);
    assert_eq!(ask.header("accept", "text/csv").send().await.ok(200)["data"][0]["line"], 2);
}

#[tokio::test]
async fn cells_that_a_spreadsheet_would_run_are_defused() {
    let world = World::new().await;
    let recipients = json!([
        {"phone": GUEST, "reference": "=HYPERLINK(\"https://evil.example\")"},
        {"phone": GUEST, "reference": "plus, one"},
    ]);
    let body = json!({"template": {"template_name": "service_followup"}, "recipients": recipients});
    let accepted = world.post("/messages/batch-send", body).await.ok(202);
    let path = format!("/batches/{}/recipients?format=csv", accepted["batch_id"].as_str().unwrap());
    let answer = world.get(&path).await;
    let all = cells(&answer);
    assert_eq!(all[1][1], "'=HYPERLINK(\"https://evil.example\")");
    assert_eq!(all[2][1], "plus, one");
    assert!(answer.text.contains(&format!("\"{GUEST}\"")));
}
