//! A database, queues and keys of one test's own, on servers that belong to others too.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use crate::services::Services;

const NAMES_BEGIN: &str = "bellhop_test_";
/// All that Bellhop declares, after its prefix.
const QUEUES: &[&str] = &["send", "batch"];
/// What a dead run left is removed by a later one when it is this old and nobody is connected to it.
const DEAD_AFTER: Duration = Duration::from_secs(15 * 60);
/// A Bellhop takes up to ten connections and a test may run two; PostgreSQL has a hundred for everybody.
static SEATS: Semaphore = Semaphore::const_new(4);
static SWEPT: OnceCell<()> = OnceCell::const_new();

type Removed = Result<(), Box<dyn Error + Send + Sync>>;

/// Its name names the database and begins the names of queues and keys. Removed when it is dropped, also by a
/// test that panics.
pub struct Scratch {
    pub services: Services,
    pub name: String,
    _seat: SemaphorePermit<'static>,
}

impl Scratch {
    pub async fn make(services: Services) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        SWEPT.get_or_init(|| sweep(&services)).await;
        let seat = SEATS.acquire().await.expect("never closed");
        let made = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{NAMES_BEGIN}{made}_{}_{number}", std::process::id());
        let server = server(&services).await.expect("PostgreSQL lets us in");
        server.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a new database");
        server.close().await.expect("a clean end");
        Self { services, name, _seat: seat }
    }

    pub fn database_url(&self) -> String {
        format!("{}/{}", self.services.postgres, self.name)
    }

    /// The settings that make a Bellhop run on it.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("BELLHOP_DATABASE_URL", self.database_url()),
            ("BELLHOP_AMQP_URL", self.services.amqp.clone()),
            ("BELLHOP_REDIS_URL", self.services.redis.clone()),
            ("BELLHOP_QUEUE_PREFIX", self.name.clone()),
        ]
    }

    /// Deletes the queues, whoever reads them.
    pub async fn delete_queues(&self) {
        delete_queues(&self.services, &self.name).await.expect("the queues go");
    }

    /// Deletes the keys.
    pub async fn delete_keys(&self) {
        delete_keys(&self.services, &self.name).await.expect("the keys go");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (services, name) = (self.services.clone(), self.name.clone());
        // In a thread of its own: a drop cannot wait in the test's runtime.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(remove_surely(&services, &name))
        });
        let removed = thread.join().expect("no panic in there");
        // A second panic would hide what the first one said.
        assert!(removed.is_ok() || std::thread::panicking(), "{} was not removed: {removed:?}", self.name);
    }
}

async fn server(services: &Services) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(format!("{}/postgres", services.postgres));
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await
}

/// A busy server may refuse once.
async fn remove_surely(services: &Services, name: &str) -> Removed {
    for _ in 0..2 {
        match remove(services, name).await {
            Ok(()) => return Ok(()),
            Err(error) => println!("{name} was not removed, trying again: {error}"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    remove(services, name).await
}

/// The database goes last: as long as it stands, the rest is found by its name.
async fn remove(services: &Services, name: &str) -> Removed {
    delete_queues(services, name).await?;
    delete_keys(services, name).await?;
    let server = server(services).await?;
    server.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
    Ok(server.close().await?)
}

async fn delete_queues(services: &Services, name: &str) -> Removed {
    let broker = Connection::connect(&services.amqp, ConnectionProperties::default()).await?;
    let channel = broker.create_channel().await?;
    for queue in QUEUES {
        // To delete what is not there is no mistake.
        channel.queue_delete(format!("{name}.{queue}").into(), QueueDeleteOptions::default()).await?;
    }
    Ok(broker.close(200, "done".into()).await?)
}

async fn delete_keys(services: &Services, name: &str) -> Removed {
    let redis = redis::Client::open(services.redis.as_str())?;
    let mut redis = redis.get_multiplexed_async_connection().await?;
    let mut cursor = 0_u64;
    loop {
        // In steps, since others work on this server.
        let mut step = redis::cmd("SCAN");
        step.arg(cursor).arg("MATCH").arg(format!("*{name}:*")).arg("COUNT").arg(1000);
        let (next, keys): (u64, Vec<String>) = step.query_async(&mut redis).await?;
        if !keys.is_empty() {
            redis::cmd("DEL").arg(keys).query_async::<()>(&mut redis).await?;
        }
        cursor = next;
        if cursor == 0 {
            return Ok(());
        }
    }
}

/// Removes what earlier runs left that died before they could.
async fn sweep(services: &Services) {
    for name in left_behind(services).await.expect("PostgreSQL lets us in") {
        println!("left behind by an earlier run, removed: {name}");
        // Another run may sweep at the same moment.
        if let Err(error) = remove(services, &name).await {
            println!("{name} was not removed: {error}");
        }
    }
}

async fn left_behind(services: &Services) -> Result<Vec<String>, DbErr> {
    let server = server(services).await?;
    let unused = format!(
        "SELECT datname::text FROM pg_database d WHERE datname LIKE '{}%' \
         AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)",
        NAMES_BEGIN.replace('_', "\\_")
    );
    let rows = server.query_all_raw(Statement::from_string(server.get_database_backend(), unused)).await?;
    let names: Result<Vec<String>, DbErr> = rows.iter().map(|row| row.try_get_by_index(0)).collect();
    server.close().await?;
    let old = |name: &String| age(name).is_some_and(|age| age > DEAD_AFTER);
    Ok(names?.into_iter().filter(old).collect())
}

/// As the name tells it; `None` for one that the suite did not give.
fn age(name: &str) -> Option<Duration> {
    let made = name.strip_prefix(NAMES_BEGIN)?.split('_').next()?.parse().ok()?;
    SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_secs(made)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::unless_embedded;

    #[tokio::test]
    async fn a_test_that_panics_leaves_nothing() {
        let Some(services) = unless_embedded().await else { return };
        let (tell, told) = tokio::sync::oneshot::channel();
        let own = services.clone();
        let ended = tokio::spawn(async move {
            let scratch = Scratch::make(own).await;
            tell.send(scratch.name.clone()).unwrap();
            panic!("on purpose");
        });
        assert!(ended.await.unwrap_err().is_panic());
        let server = server(&services).await.unwrap();
        let look = format!("SELECT 1 FROM pg_database WHERE datname = '{}'", told.await.unwrap());
        let look = Statement::from_string(server.get_database_backend(), look);
        assert!(server.query_one_raw(look).await.unwrap().is_none());
        server.close().await.unwrap();
    }

    #[test]
    fn only_names_of_the_suite_have_an_age() {
        assert!(age("bellhop_test_1700000000_7_0").is_some_and(|age| age > DEAD_AFTER));
        for name in ["bellhop", "bellhop_test_", "bellhop_test_old_1", "test_1700000000_7_0"] {
            assert_eq!(age(name), None, "{name}");
        }
    }
}
