use sea_orm::{ConnectionTrait, Statement};

use super::*;
use crate::clock::MovableClock;
use crate::{build, database};

struct World {
    app: App,
    settings: Settings,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().display().to_string();
        let settings = Settings::read(|name| (name == "BELLHOP_DATA_DIR").then(|| folder.clone())).unwrap();
        build::migrate(&settings).await.unwrap();
        let app = build::build(&settings, "http://127.0.0.1", MovableClock::new()).await.unwrap();
        Self { app, settings, _dir: dir }
    }

    /// Makes a process look silent for so long.
    async fn silence(&self, role: &str, seconds: i64) {
        let writer = database::connect_writer(&self.settings.database_url).await.unwrap();
        let seen = chrono::Utc::now() - chrono::TimeDelta::seconds(seconds);
        let sql = "UPDATE processes SET seen_at = $1 WHERE role = $2";
        let values = [seen.into(), role.into()];
        let backend = writer.get_database_backend();
        writer.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await.unwrap();
        writer.close().await.unwrap();
    }

    async fn rows(&self) -> i64 {
        let writer = database::connect_writer(&self.settings.database_url).await.unwrap();
        let count = Statement::from_string(writer.get_database_backend(), "SELECT count(*) FROM processes");
        let rows = writer.query_one_raw(count).await.unwrap().unwrap().try_get_by_index(0).unwrap();
        writer.close().await.unwrap();
        rows
    }
}

#[tokio::test]
async fn who_lives_is_counted_and_who_is_silent_is_not() {
    let world = World::new().await;
    let [api, worker, dead] = ["api", "worker", "dead"].map(Member::new);
    assert_eq!(world.app.beat(&api).await.unwrap(), 1);
    assert_eq!(world.app.beat(&worker).await.unwrap(), 2);
    assert_eq!(world.app.beat(&dead).await.unwrap(), 3);
    assert_eq!(world.app.beat(&api).await.unwrap(), 3, "a process counts once");
    world.silence("dead", 9).await;
    assert_eq!(world.app.beat(&api).await.unwrap(), 3, "beats may get lost");
    world.silence("dead", 11).await;
    assert_eq!(world.app.beat(&api).await.unwrap(), 2);
    assert_eq!(world.rows().await, 3);
    world.silence("dead", 61).await;
    assert_eq!(world.app.beat(&api).await.unwrap(), 2);
    assert_eq!(world.rows().await, 2, "nobody needs to read of it");
    world.app.leave(&worker).await.unwrap();
    assert_eq!(world.app.beat(&api).await.unwrap(), 1);
    assert_eq!(world.app.beat(&dead).await.unwrap(), 2, "it was only slow");
}

#[tokio::test]
async fn the_place_is_kept_until_the_end_and_given_up_then() {
    let world = World::new().await;
    let fleet = Fleet::join(&world.app, "worker", &world.settings).await.unwrap();
    assert_eq!(world.rows().await, 1, "before the first message");
    let shutdown = CancellationToken::new();
    let keeping = tokio::spawn(fleet.keep(shutdown.clone()));
    shutdown.cancel();
    keeping.await.unwrap().unwrap();
    assert_eq!(world.rows().await, 0);
}
