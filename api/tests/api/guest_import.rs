//! Guests that a file brings.

use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{Answered, World};

pub async fn import(world: &World, file: impl Into<poem::Body>) -> Answered {
    let ask = world.request(Method::POST, "/guests/import").token(&world.admin);
    ask.header("content-type", "text/csv").body(file).send().await
}

#[tokio::test]
async fn lines_go_in_or_say_why_not_and_twice_is_once() {
    let world = World::new().await;
    let file = "phone,bsuid,name,language,tier,notes,opt_in,opt_in_at,opt_in_source,opt_in_evidence\n\
        +972541234567,,Ana,he,gold,likes tea,marketing,2024-05-01,booking,ticked the box\n\
        054-1234568,,Ben,,,,both,2024-05-01T10:00:00Z,,paper form 7\n\
        ,US.55,Carla,,,,,,,\n\
        ,,Nobody,,,,,,,\n\
        12,,Bad,,,,,,,\n\
        +972541234570,US.1,Two,,,,,,,\n\
        +972541234571,,=1+1,,,,,,,\n\
        +972541234572,,Dora,,,,marketing,,,said so\n\
        +972541234572,,Dora,,,,marketing,2024-05-01,,\n\
        +972541234572,,Dora,,,,perhaps,2024-05-01,,said so\n\
        +972541234572,,Dora,,,,marketing,2999-05-01,,said so\n\
        +972541234572,,Dora,,,,service,2024-05-01,stop_word,said so\n\
        +972541234572,,Dora,,,,,2024-05-01,,said so\n\
        +972541234573,,Eva,no language,,,,,,\n";
    let report = import(&world, file).await.ok(200);
    let refused: Vec<(i64, &str)> = report["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refusal| (refusal["line"].as_i64().unwrap(), refusal["field"].as_str().unwrap()))
        .collect();
    let expected = [
        (5, "phone"),
        (6, "phone"),
        (7, "bsuid"),
        (8, "name"),
        (9, "opt_in_at"),
        (10, "opt_in_evidence"),
        (11, "opt_in"),
        (12, "opt_in_at"),
        (13, "opt_in_source"),
        (14, "opt_in"),
        (15, "language"),
    ];
    assert_eq!(refused, expected);
    let counts = |report: &Value| {
        ["lines", "refused", "created", "changed", "opt_ins"].map(|key| report[key].as_u64().unwrap())
    };
    assert_eq!(counts(&report), [14, 11, 3, 3, 2]);
    let ana = world.guest("+972541234567").await;
    assert_eq!((&ana["name"], &ana["notes"]), (&json!("Ana"), &json!("likes tea")));
    let before = (world.rows("events").await, world.rows("guests").await);
    let again = import(&world, file).await.ok(200);
    assert_eq!(counts(&again), [14, 11, 0, 0, 2]);
    assert_eq!((world.rows("events").await, world.rows("guests").await), before);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_on_says_where() {
    let world = World::new().await;
    let broken = import(&world, "phone,name\n+972541234567,Ana\n+972541234568,\"Ben\n").await;
    let error = broken.error(400, "VALIDATION_FAILED");
    assert_eq!(error["details"]["line"], 3);
    import(&world, "phone,room\n+972541234567,205\n").await.error(400, "VALIDATION_FAILED");
    let ask = |kind: &str, token: &str| {
        let ask = world.request(Method::POST, "/guests/import").token(token).header("content-type", kind);
        ask.body("phone\n+972541234567\n")
    };
    ask("application/x-ndjson", &world.admin).send().await.error(415, "UNSUPPORTED_MEDIA_TYPE");
    ask("text/csv", &world.staff).send().await.error(403, "FORBIDDEN");
    ask("text/csv", &world.partner).send().await.error(403, "FORBIDDEN");
}

/// Taken in as it comes: when the last piece is asked for, the first guests are stored. So nobody holds the file.
#[tokio::test]
async fn a_large_file_goes_in_by_parts() {
    const LINES: usize = 20_000;
    let world = World::new().await;
    let url = format!("sqlite://{}", world.folder.path().join("test.db").display());
    let db = sea_orm::Database::connect(url).await.unwrap();
    let stored = async move || {
        use sea_orm::{ConnectionTrait, DbBackend, Statement};
        let count = Statement::from_string(DbBackend::Sqlite, "SELECT COUNT(*) AS n FROM guests");
        db.query_one_raw(count).await.unwrap().unwrap().try_get::<i64>("", "n").unwrap() as usize
    };
    let lag = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let most = lag.clone();
    let pieces = futures_util::stream::unfold(0, move |from| {
        let (stored, most) = (stored.clone(), most.clone());
        async move {
            if from == LINES {
                return None;
            }
            most.fetch_max(from - stored().await, std::sync::atomic::Ordering::SeqCst);
            let head = if from == 0 { "phone,name,tier\n" } else { "" };
            let rows: String =
                (from..from + 1000).map(|n| format!("+97254{n:07},Guest {n},gold\n")).collect();
            Some((Ok::<_, std::io::Error>(format!("{head}{rows}")), from + 1000))
        }
    });
    let report = import(&world, poem::Body::from_bytes_stream(Box::pin(pieces))).await.ok(200);
    assert_eq!((&report["lines"], &report["created"]), (&json!(LINES), &json!(LINES)));
    assert_eq!(world.rows("guests").await, LINES as i64);
    let lag = lag.load(std::sync::atomic::Ordering::SeqCst);
    assert!(lag <= 3_000, "{lag} lines were held");
}
