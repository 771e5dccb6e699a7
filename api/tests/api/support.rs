//! An application with a real database and a provider that does what a test tells it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bellhop_api::Options;
use bellhop_domain::consent::StopWords;
use bellhop_domain::ports::Line;
use bellhop_domain::rights::Role;
use bellhop_domain::{PropertyId, Secret};
use bellhop_infra::media::{MediaPlace, Objects, S3};
use bellhop_infra::wake::in_process::InProcessWake;
use bellhop_migration::{Migrator, MigratorTrait};
use bellhop_service::connection::NewConnection;
use bellhop_service::property::PropertyChange;
use bellhop_service::request_limit::RequestRates;
use bellhop_service::{App, Config, Database, Ports};
use hmac::{Hmac, KeyInit, Mac};
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, Method, StatusCode};
use poem::test::TestClient;
use poem::{EndpointExt, Response};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::fake_ports::{FakeClock, Nowhere, Partner};
use crate::fake_provider::FakeProvider;

pub const BASE: &str = "/api/v1/whatsapp";
pub const APP_SECRET: &str = "app secret";
pub const VERIFY_TOKEN: &str = "verify token";
pub const GUEST: &str = "+1234567890";

/// A hotel with three tokens, behind its API.
pub struct World {
    pub client: TestClient<BoxEndpoint<'static, Response>>,
    pub app: App,
    pub provider: Arc<FakeProvider>,
    pub clock: Arc<FakeClock>,
    pub staff: String,
    pub admin: String,
    pub partner: String,
    pub folder: tempfile::TempDir,
}

/// What came back.
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub bytes: Vec<u8>,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// The error of an answer in the envelope, with its code.
    #[track_caller]
    pub fn error(&self, status: u16, code: &str) -> Value {
        let body = self.ok(status);
        let error = body["error"].clone();
        let mut keys: Vec<_> = error.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["code", "details", "message", "recovery_options", "request_id"], "{body}");
        assert_eq!(error["code"], code, "{body}");
        assert!(error["details"].is_object());
        assert!(!error["recovery_options"].as_array().unwrap().is_empty());
        assert_eq!(error["request_id"].as_str(), self.header("x-request-id"));
        error
    }

    /// The fields that a 400 names.
    #[track_caller]
    pub fn wrong_fields(&self) -> Vec<String> {
        let error = self.error(400, "VALIDATION_FAILED");
        let fields = error["details"]["fields"].as_array().unwrap();
        fields.iter().map(|f| f["field"].as_str().unwrap().to_owned()).collect()
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (provider, clock) = (Arc::new(FakeProvider::default()), Arc::new(FakeClock::default()));
        let ports = Ports {
            provider: provider.clone(),
            queue: Arc::new(Nowhere),
            batch_queue: Arc::new(Nowhere),
            windows: Arc::new(Nowhere),
            limiter: Arc::new(Nowhere),
            media: Arc::new(media(folder.path())),
            cipher: Arc::new(Nowhere),
            clock: clock.clone(),
            wake: Arc::new(InProcessWake::default()),
            webhooks: Arc::new(Partner),
        };
        let config = Config {
            lease: Duration::from_secs(5),
            in_doubt_horizon: Duration::from_secs(1),
            api_url: format!("http://localhost{BASE}"),
            callback_url: "http://localhost/webhook".into(),
            stop_words: StopWords::default(),
            app_secret: None,
            allow_http_base_url: false,
            request_rates: RequestRates::default(),
        };
        let app = App::new(database(&folder).await, ports, config);
        let hotel = hotel(&app, "Grand Plaza", "1").await;
        app.sync_connections().await.unwrap();
        let token = async |role| app.issue_token(hotel, role, "test").await.unwrap().expose().to_owned();
        Self {
            client: TestClient::new(bellhop_api::app(app.clone(), options).boxed()),
            staff: token(Role::Staff).await,
            admin: token(Role::Admin).await,
            partner: token(Role::Partner).await,
            app,
            provider,
            clock,
            folder,
        }
    }

    /// A request of nobody; a path after `~` stands outside of the base path.
    pub fn request(&self, method: Method, path: &str) -> Ask<'_> {
        let path = path.strip_prefix('~').map_or_else(|| format!("{BASE}{path}"), str::to_owned);
        Ask { world: self, method, path, headers: Vec::new(), body: None }
    }

    /// As staff.
    pub async fn get(&self, path: &str) -> Answered {
        self.request(Method::GET, path).token(&self.staff).send().await
    }

    /// As staff.
    pub async fn post(&self, path: &str, body: Value) -> Answered {
        self.request(Method::POST, path).token(&self.staff).json(body).send().await
    }

    /// A file of recipients, as staff; `query` begins with `?` or is empty.
    pub async fn upload(&self, query: &str, kind: &str, file: impl Into<poem::Body>) -> Answered {
        let ask = self.request(Method::POST, &format!("/batches/upload{query}")).token(&self.staff);
        ask.header("content-type", kind).body(file).send().await
    }

    /// How many rows a table has.
    pub async fn rows(&self, table: &str) -> i64 {
        let rows = self.select(&format!("SELECT COUNT(*) AS n FROM {table}")).await;
        rows[0].try_get("", "n").unwrap()
    }

    pub async fn select(&self, sql: &str) -> Vec<QueryResult> {
        let url = format!("sqlite://{}", self.folder.path().join("test.db").display());
        let db = sea_orm::Database::connect(url).await.unwrap();
        db.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap()
    }

    /// The data of all events of a kind, in the order in which they were written.
    pub async fn events(&self, event: &str) -> Vec<Value> {
        let sql = format!("SELECT data FROM events WHERE event = '{event}' ORDER BY serial");
        self.select(&sql).await.iter().map(|row| row.try_get("", "data").unwrap()).collect()
    }

    /// What a PMS tells of a reservation.
    pub async fn put_stay(&self, reservation: &str, body: Value) -> Answered {
        let path = format!("/stays/opera/{}", reservation.replace(' ', "%20").replace('/', "%2F"));
        self.request(Method::PUT, &path).token(&self.partner).json(body).send().await
    }

    /// The guest with a phone number.
    pub async fn guest(&self, phone: &str) -> Value {
        let path = format!("/guests?phone={}", phone.replace('+', "%2B"));
        self.get(&path).await.ok(200)["data"][0].clone()
    }

    /// Changes rows behind the application's back.
    pub async fn execute(&self, sql: &str) {
        let url = format!("sqlite://{}", self.folder.path().join("test.db").display());
        let db = sea_orm::Database::connect(url).await.unwrap();
        db.execute_unprepared(sql).await.unwrap();
    }

    /// A signed webhook.
    pub async fn webhook(&self, body: Value) -> Answered {
        let body = body.to_string();
        let signature = sign(body.as_bytes(), APP_SECRET);
        self.request(Method::POST, "/webhook")
            .header("x-hub-signature-256", &signature)
            .body(body)
            .send()
            .await
    }

    /// The guest writes, which opens the window. Returns the conversation's id.
    pub async fn guest_writes(&self, text: &str) -> String {
        let body = json!({"from": "1234567890", "text": text, "wamid": format!("in.{text}")});
        self.webhook(body).await.ok(200);
        let list = self.get("/conversations?guest_phone=%2B1234567890").await.ok(200);
        list["data"][0]["conversation_id"].as_str().unwrap().to_owned()
    }
}

/// A second hotel, or the first one.
pub async fn hotel(app: &App, name: &str, number: &str) -> PropertyId {
    let change = PropertyChange { default_country: Some("IL".into()), ..Default::default() };
    let id = app.create_property(name, change).await.unwrap();
    let line = Line {
        base_url: "http://localhost".into(),
        api_version: "v23.0".into(),
        phone_number_id: number.into(),
        waba_id: format!("waba{number}"),
        access_token: Secret::new("token"),
    };
    let connection = NewConnection {
        line,
        display_phone_number: format!("+1555000000{number}"),
        app_secret: Secret::new(APP_SECRET),
        verify_token: Secret::new(VERIFY_TOKEN),
    };
    app.connect(id, connection).await.unwrap();
    id
}

async fn database(folder: &tempfile::TempDir) -> Database {
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
    let open = async |most| -> DatabaseConnection {
        let mut options = ConnectOptions::new(&url);
        options.max_connections(most).sqlx_logging(false);
        sea_orm::Database::connect(options).await.unwrap()
    };
    let writer = open(1).await;
    writer.execute_unprepared("PRAGMA journal_mode=WAL").await.unwrap();
    Migrator::up(&writer, None).await.unwrap();
    Database::new(writer, open(4).await)
}

pub fn sign(body: &[u8], secret: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body).finalize();
    let hex: String = mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

/// A request in the making.
pub struct Ask<'a> {
    world: &'a World,
    method: Method,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<poem::Body>,
}

impl Ask<'_> {
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    pub fn raw_header(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.push((name.to_owned(), value.to_vec()));
        self
    }

    pub fn json(self, body: Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub fn body(mut self, body: impl Into<poem::Body>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub async fn send(self) -> Answered {
        let mut request = self.world.client.request(self.method, self.path);
        for (name, value) in self.headers {
            request = request.header(name, poem::http::HeaderValue::from_bytes(&value).unwrap());
        }
        let response = match self.body {
            Some(body) => request.body(body).send().await,
            None => request.send().await,
        };
        let (parts, body) = response.0.into_parts();
        let bytes = body.into_vec().await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answered { status: parts.status, headers: parts.headers, text, bytes }
    }
}

/// Files in the test's own folder.
fn media(folder: &Path) -> Objects {
    let nowhere = S3 { endpoint: None, region: String::new(), key: None };
    MediaPlace::Folder(folder.join("media")).open(&nowhere).unwrap()
}
