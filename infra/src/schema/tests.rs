use sea_orm::Statement;

use super::*;

/// A database file of the test's own. Both databases take the same way; PostgreSQL's lock is tested
/// with the programs, by the end-to-end suite.
fn fresh(dir: &tempfile::TempDir) -> Settings {
    let folder = dir.path().display().to_string();
    Settings::read(|name| (name == "BELLHOP_DATA_DIR").then(|| folder.clone())).unwrap()
}

async fn execute(settings: &Settings, sql: &str) {
    let writer = database::connect_writer(&settings.database_url).await.unwrap();
    writer.execute_raw(Statement::from_string(writer.get_database_backend(), sql)).await.unwrap();
    writer.close().await.unwrap();
}

async fn refusal(settings: &Settings) -> String {
    check_schema(settings).await.unwrap_err().to_string()
}

#[tokio::test]
async fn an_older_schema_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let settings = fresh(&dir);
    assert_eq!(refusal(&settings).await, "the database has no schema of Bellhop yet: run `bellhop migrate`");
    assert_eq!(refusal(&settings).await, "the database has no schema of Bellhop yet: run `bellhop migrate`");

    let all = migrate(&settings).await.unwrap();
    assert_eq!(all, Migrator::migrations().len());
    check_schema(&settings).await.unwrap();
    assert_eq!(migrate(&settings).await.unwrap(), 0);

    let forget = "DELETE FROM seaql_migrations WHERE version = (SELECT max(version) FROM seaql_migrations)";
    execute(&settings, forget).await;
    assert_eq!(refusal(&settings).await, "the schema is 1 migration behind: run `bellhop migrate`");
    execute(&settings, forget).await;
    assert_eq!(refusal(&settings).await, "the schema is 2 migrations behind: run `bellhop migrate`");
}

#[tokio::test]
async fn a_newer_schema_will_do() {
    let dir = tempfile::tempdir().unwrap();
    let settings = fresh(&dir);
    migrate(&settings).await.unwrap();
    execute(&settings, "INSERT INTO seaql_migrations VALUES ('m9999_of_the_next_release', 0)").await;
    check_schema(&settings).await.unwrap();
    assert_eq!(migrate(&settings).await.unwrap(), 0);
}

#[tokio::test]
async fn of_two_that_migrate_at_once_one_does() {
    let dir = tempfile::tempdir().unwrap();
    let settings = fresh(&dir);
    let (first, second) = tokio::join!(migrate(&settings), migrate(&settings));
    let mut applied = [first.unwrap(), second.unwrap()];
    applied.sort_unstable();
    assert_eq!(applied, [0, Migrator::migrations().len()]);
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let settings = fresh(&dir);
    // In the way of the last migrations, not of the first.
    execute(&settings, "CREATE TABLE processes (id INTEGER)").await;
    migrate(&settings).await.unwrap_err();
    execute(&settings, "DROP TABLE processes").await;
    assert_eq!(migrate(&settings).await.unwrap(), Migrator::migrations().len());
}
