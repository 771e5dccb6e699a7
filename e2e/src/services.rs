//! PostgreSQL, RabbitMQ and Redis, the real ones: where they are, and who has to do without them.

use std::time::Duration;

use tokio::net::TcpStream;

/// Which backends a Bellhop of the suite runs on. `scripts/test` runs the suite once on each pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// SQLite, in-process queue, in memory.
    Embedded,
    /// PostgreSQL, RabbitMQ, Redis.
    Services,
}

impl Pair {
    /// The pair of this run: `BELLHOP_TEST_PAIR`, else the embedded one.
    pub fn of_this_run() -> Self {
        match std::env::var("BELLHOP_TEST_PAIR").as_deref() {
            Ok("services") => Self::Services,
            Ok("embedded" | "") | Err(_) => Self::Embedded,
            Ok(other) => panic!("BELLHOP_TEST_PAIR is {other:?}, but must be embedded or services"),
        }
    }
}

/// Where the services are.
#[derive(Debug, Clone)]
pub struct Services {
    /// Without a database.
    pub postgres: String,
    pub amqp: String,
    pub redis: String,
}

/// The services, for a test that is about them; `None`, said aloud, in a run that was asked to do without.
pub async fn unless_embedded() -> Option<Services> {
    if std::env::var("BELLHOP_TEST_BACKENDS").is_ok_and(|backends| backends == "embedded") {
        println!("left out: needs PostgreSQL, RabbitMQ and Redis, and BELLHOP_TEST_BACKENDS is embedded");
        return None;
    }
    Some(Services::at_hand().await)
}

impl Services {
    /// The services at the usual local ports, or where the variables say; panics where one does not answer.
    pub async fn at_hand() -> Self {
        let at = |variable: &str, usual: &str| {
            let named = std::env::var(variable).ok().filter(|url| !url.is_empty());
            named.as_deref().unwrap_or(usual).trim_end_matches('/').to_owned()
        };
        let services = Self {
            postgres: at("BELLHOP_TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432"),
            amqp: at("BELLHOP_TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672"),
            redis: at("BELLHOP_TEST_REDIS_URL", "redis://127.0.0.1:6379"),
        };
        for (name, url, port) in [
            ("PostgreSQL", &services.postgres, 5432),
            ("RabbitMQ", &services.amqp, 5672),
            ("Redis", &services.redis, 6379),
        ] {
            let (host, port) = place(url, port);
            let connect = TcpStream::connect((host.as_str(), port));
            let answers = tokio::time::timeout(Duration::from_secs(3), connect).await;
            assert!(
                matches!(answers, Ok(Ok(_))),
                "{name} does not answer on {host}:{port}: make services, or set \
                 BELLHOP_TEST_BACKENDS=embedded"
            );
        }
        services
    }
}

/// Host and port of a URL.
pub fn place(url: &str, usual_port: u16) -> (String, u16) {
    let url = reqwest::Url::parse(url).expect("a URL");
    (url.host_str().expect("a host").to_owned(), url.port().unwrap_or(usual_port))
}
