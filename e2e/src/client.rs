//! Bellhop's API, as a front end calls it.

use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{eventually, overheard};

/// A client with one token.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    /// With the base path.
    pub base: String,
    pub token: String,
}

/// Status, headers and JSON of an answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Self { status, headers, body })
    }

    /// The body of an answer with this status; panics with what came instead.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// The error code of a refusal with this status.
    #[track_caller]
    pub fn refused(self, status: u16) -> String {
        let body = self.expect(status);
        body["error"]["code"].as_str().unwrap_or_else(|| panic!("no envelope: {body}")).to_owned()
    }
}

impl Api {
    pub fn new(base: &str, token: &str) -> Self {
        overheard::secret(token);
        Self { http: reqwest::Client::new(), base: base.to_owned(), token: token.to_owned() }
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_ask(method, path, body, headers).await.expect("the API answers")
    }

    /// As [`Api::ask`], for a server that may be dying.
    pub async fn try_ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            overheard::told(body);
            request = request.json(body);
        }
        let answer = Answer::read(request.send().await?).await?;
        overheard::told(&answer.body);
        Ok(answer)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, Some(body), &[]).await
    }

    /// Uploads a file, as the guides do: the file first.
    pub async fn upload(&self, kind: &str, filename: &str, bytes: &[u8]) -> Answer {
        self.upload_stream(kind, filename, bytes.to_vec().into()).await
    }

    /// The same for a file that is not in memory.
    pub async fn upload_stream(&self, kind: &str, filename: &str, body: reqwest::Body) -> Answer {
        let file = Part::stream(body).file_name(filename.to_owned());
        let form = Form::new().part("media", file).text("media_type", kind.to_owned());
        let url = format!("{}/media/upload", self.base);
        let request = self.http.post(url).bearer_auth(&self.token).multipart(form);
        Answer::read(request.send().await.expect("the API answers")).await.expect("an answer")
    }

    /// Sends a text, as the guides do.
    pub async fn text(&self, phone: &str, text: &str) -> Answer {
        self.post("/messages/send", &text_to(phone, text)).await
    }

    /// Waits until a message has one of these states.
    pub async fn until(&self, message_id: &str, states: &[&str]) -> Value {
        let path = format!("/messages/{message_id}");
        eventually(&format!("{message_id} to be {states:?}"), || async {
            let message = self.get(&path).await.expect(200);
            states.contains(&message["status"].as_str().unwrap_or_default()).then_some(message)
        })
        .await
    }

    /// The only conversation of a guest, once there is one.
    pub async fn conversation_of(&self, phone: &str) -> Value {
        let path = format!("/conversations?guest_phone={}", phone.replace('+', "%2B"));
        eventually(&format!("a conversation of {phone}"), || async {
            self.get(&path).await.expect(200)["data"].get(0).cloned()
        })
        .await
    }
}

pub fn text_to(phone: &str, text: &str) -> Value {
    json!({"guest_phone": phone, "message_type": "text", "content": {"text": text}})
}
