//! PostgreSQL, RabbitMQ and Redis at their usual local ports, for the tests that need the real ones.

use std::path::Path;
use std::time::Duration;

use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};
use sea_orm::{ConnectionTrait, Database};
use tokio::net::TcpStream;

/// Where the services are.
pub struct Services {
    pub postgres: &'static str,
    pub amqp: &'static str,
    pub redis: &'static str,
}

/// The services, when all three answer. `make test` says in its last lines whether they did.
pub async fn find() -> Option<Services> {
    for port in [5432, 5672, 6379] {
        let connect = TcpStream::connect(("127.0.0.1", port));
        tokio::time::timeout(Duration::from_secs(1), connect).await.ok()?.ok()?;
    }
    Some(Services {
        postgres: "postgres://postgres@127.0.0.1:5432",
        amqp: "amqp://guest:guest@127.0.0.1:5672",
        redis: "redis://127.0.0.1:6379",
    })
}

/// A database, a queue and a key prefix of one test's own.
pub struct Scratch {
    pub services: Services,
    pub database_url: String,
    pub prefix: String,
}

impl Scratch {
    /// Makes the database, and leaves word for `make test` that these services were used.
    pub async fn make(services: Services) -> Self {
        let word = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tested-services");
        std::fs::write(word, "PostgreSQL + RabbitMQ + Redis\n").expect("the target folder can be written");
        let name =
            format!("bellhop_test_{}", bellhop_domain::MessageId::new().to_string().replace("msg_", ""));
        let scratch = Self { database_url: format!("{}/{name}", services.postgres), prefix: name, services };
        scratch.postgres(&format!("CREATE DATABASE {}", scratch.prefix)).await;
        scratch
    }

    async fn postgres(&self, statement: &str) {
        let server =
            Database::connect(format!("{}/postgres", self.services.postgres)).await.expect("PostgreSQL");
        server.execute_unprepared(statement).await.expect(statement);
        server.close().await.expect("a clean end");
    }

    /// Removes all that the test made; other tests' things stay.
    pub async fn remove(self) {
        self.postgres(&format!("DROP DATABASE {} WITH (FORCE)", self.prefix)).await;
        let broker =
            Connection::connect(self.services.amqp, ConnectionProperties::default()).await.expect("RabbitMQ");
        let channel = broker.create_channel().await.expect("a channel");
        let queue = format!("{}.send", self.prefix);
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.expect("the queue goes");
        broker.close(200, "done".into()).await.expect("a clean end");
        let redis = redis::Client::open(self.services.redis).expect("a URL");
        let mut redis = redis.get_multiplexed_async_connection().await.expect("Redis");
        let keys: Vec<String> =
            redis::cmd("KEYS").arg(format!("{}:*", self.prefix)).query_async(&mut redis).await.expect("keys");
        for key in keys {
            redis::cmd("DEL").arg(key).query_async::<()>(&mut redis).await.expect("a deleted key");
        }
    }
}
