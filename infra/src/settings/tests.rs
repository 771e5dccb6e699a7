use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Settings, BadSetting> {
    for (name, _) in pairs {
        assert!(NAMES.contains(name), "{name} is not listed");
    }
    Settings::read(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn every_variable_that_is_read_is_listed_and_the_other_way_round() {
    let asked = std::cell::RefCell::new(std::collections::BTreeSet::new());
    Settings::read(|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    })
    .unwrap();
    assert_eq!(asked.into_inner(), NAMES.iter().map(|&name| name.to_owned()).collect());
}

#[test]
fn defaults() {
    // An empty variable is what `VAR=` in a compose file gives: unset.
    for settings in [read(&[]), read(&NAMES.iter().map(|&name| (name, " ")).collect::<Vec<_>>())] {
        let settings = settings.unwrap();
        assert_eq!(settings.http_addr.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.worker_http_addr.to_string(), "127.0.0.1:8081");
        assert_eq!(settings.simulator_addr.to_string(), "127.0.0.1:8090");
        assert_eq!(settings.simulator_account, 1);
        assert_eq!(settings.public_url(settings.http_addr), "http://127.0.0.1:8080");
        assert!(settings.cors_origins.is_empty());
        assert_eq!(settings.database_url.expose(), "sqlite://./data/bellhop.db");
        assert_eq!(settings.queue_prefix, "bellhop");
        assert_eq!(settings.media, MediaPlace::Folder("./data/media".into()));
        assert_eq!((settings.s3.region.as_str(), settings.s3.endpoint.is_none()), ("us-east-1", true));
        assert!(settings.s3.key.is_none());
        assert_eq!(settings.send_lease, Duration::from_secs(20));
        assert_eq!(settings.in_doubt_horizon, Duration::from_secs(900));
        assert_eq!(settings.sweep_interval, Duration::from_secs(1));
        assert!(settings.stop_words.is_said("STOP"));
        let rates = [settings.token_rate, settings.property_rate];
        assert_eq!(rates.map(|rate| rate.unwrap().per_minute()), [3_000, 12_000]);
        assert_eq!((settings.log.as_str(), settings.log_format), (vars::LOG, LogFormat::Text));
        let unset = [&settings.simulator_url, &settings.public_url];
        assert!(unset.iter().all(|value| value.is_none()));
        let unset = [&settings.amqp_url, &settings.redis_url, &settings.secret_key];
        assert!(unset.iter().all(|value| value.is_none()));
    }
}

#[test]
fn good_values() {
    let settings = read(&[
        ("BELLHOP_HTTP_ADDR", "0.0.0.0:0"),
        ("BELLHOP_SIMULATOR_URL", "http://127.0.0.1:8090/"),
        ("BELLHOP_PUBLIC_URL", "https://hotel.example/chat/"),
        ("BELLHOP_CORS_ORIGINS", "https://desk.example, http://localhost:5173/ ,"),
        ("BELLHOP_DATA_DIR", "/var/lib/100% mine?"),
        ("BELLHOP_SEND_LEASE_SECONDS", "1.5"),
        ("BELLHOP_IN_DOUBT_HORIZON_SECONDS", "1"),
        ("BELLHOP_SWEEP_INTERVAL_MS", "50"),
        ("BELLHOP_STOP_WORDS", "+genug"),
        ("BELLHOP_TOKEN_RATE", "60"),
        ("BELLHOP_PROPERTY_RATE", "0"),
        ("BELLHOP_LOG_FORMAT", "json"),
        ("BELLHOP_QUEUE_PREFIX", "test-1"),
    ])
    .unwrap();
    assert_eq!(settings.simulator_url.as_deref(), Some("http://127.0.0.1:8090"));
    assert_eq!(settings.public_url(settings.http_addr), "https://hotel.example/chat");
    assert_eq!(settings.cors_origins, ["https://desk.example", "http://localhost:5173"]);
    assert_eq!(settings.database_url.expose(), "sqlite:///var/lib/100%25 mine%3F/bellhop.db");
    assert_eq!(settings.send_lease, Duration::from_millis(1_500));
    assert_eq!(settings.sweep_interval, Duration::from_millis(50));
    assert!(settings.stop_words.is_said("Genug!") && settings.stop_words.is_said("stop"));
    assert_eq!((settings.token_rate.unwrap().quota(), settings.property_rate), (10, None));
    assert_eq!(settings.log_format, LogFormat::Json);
    assert_eq!(http_url("0.0.0.0:81".parse().unwrap()), "http://127.0.0.1:81");
    assert_eq!(http_url("[::]:81".parse().unwrap()), "http://[::1]:81");
}

#[test]
fn bad_values_are_named_with_what_is_allowed() {
    for (name, value) in [
        ("BELLHOP_HTTP_ADDR", "8080"),
        ("BELLHOP_HTTP_ADDR", "127.0.0.1"),
        ("BELLHOP_WORKER_HTTP_ADDR", "8081"),
        ("BELLHOP_SIMULATOR_ADDR", "here:8090"),
        ("BELLHOP_SIMULATOR_URL", "127.0.0.1:8090"),
        ("BELLHOP_SIMULATOR_ACCOUNT", "0"),
        ("BELLHOP_SIMULATOR_ACCOUNT", "one"),
        ("BELLHOP_PUBLIC_URL", "ftp://hotel.example"),
        ("BELLHOP_PUBLIC_URL", "https://hotel.example/?a=1"),
        ("BELLHOP_CORS_ORIGINS", "https://desk.example/path"),
        ("BELLHOP_TRUSTED_PROXIES", "10"),
        ("BELLHOP_TRUSTED_PROXIES", "true"),
        ("BELLHOP_TOKEN_RATE", "59"),
        ("BELLHOP_TOKEN_RATE", "-1"),
        ("BELLHOP_PROPERTY_RATE", "6000001"),
        ("BELLHOP_PROPERTY_RATE", "1.5"),
        ("BELLHOP_CORS_ORIGINS", "https://desk.example,*"),
        ("BELLHOP_QUEUE_PREFIX", "with space"),
        ("BELLHOP_MEDIA_URL", "/var/lib/media"),
        ("BELLHOP_MEDIA_URL", "s3://"),
        ("BELLHOP_S3_ENDPOINT", "127.0.0.1:9000"),
        ("BELLHOP_SEND_LEASE_SECONDS", "20.1"),
        ("BELLHOP_SEND_LEASE_SECONDS", "0.9"),
        ("BELLHOP_SEND_LEASE_SECONDS", "NaN"),
        ("BELLHOP_SEND_LEASE_SECONDS", "20s"),
        ("BELLHOP_IN_DOUBT_HORIZON_SECONDS", "-1"),
        ("BELLHOP_IN_DOUBT_HORIZON_SECONDS", "inf"),
        ("BELLHOP_SWEEP_INTERVAL_MS", "9"),
        ("BELLHOP_STOP_WORDS", "stop,,"),
        ("BELLHOP_SWEEP_INTERVAL_MS", "1.5"),
        ("BELLHOP_LOG", "bellhop=loud"),
        ("BELLHOP_LOG_FORMAT", "JSON"),
        ("BELLHOP_ALLOW_HTTP_BASE_URL", "yes"),
    ] {
        let error = read(&[(name, value)]).unwrap_err();
        let sentence = error.to_string();
        assert_eq!(error.name, name, "{value}");
        assert!(sentence.starts_with(&format!("{name} is {value:?}, but must be ")), "{sentence}");
    }
}

#[test]
fn secrets_are_never_shown() {
    for (name, value) in [
        ("BELLHOP_DATABASE_URL", "mysql://u:hidden@h/db"),
        ("BELLHOP_AMQP_URL", "http://u:hidden@h"),
        ("BELLHOP_AMQP_URL", "amqp://u:hidden@h:port"),
        ("BELLHOP_REDIS_URL", "u:hidden@h:6379"),
        ("BELLHOP_SECRET_KEY", "hidden"),
        ("BELLHOP_SECRET_KEY_PREVIOUS", "hidden"),
    ] {
        let error = read(&[(name, value)]).unwrap_err();
        assert_eq!(error.name, name);
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
    }
    let settings = read(&[
        ("BELLHOP_DATABASE_URL", "postgres://u:hidden@h/db"),
        ("BELLHOP_AMQP_URL", "amqp://u:hidden@h"),
    ]);
    assert!(!format!("{:?}", settings.unwrap()).contains("hidden"));
}

#[test]
fn media_and_half_a_key() {
    let id = ("BELLHOP_S3_ACCESS_KEY_ID", "id");
    let secret = ("BELLHOP_S3_SECRET_ACCESS_KEY", "hidden");
    let place = ("BELLHOP_MEDIA_URL", "s3://hotel/media");
    let endpoint = ("BELLHOP_S3_ENDPOINT", "http://127.0.0.1:9000/");
    let settings = read(&[place, endpoint, ("BELLHOP_S3_REGION", "eu-west-1"), id, secret]).unwrap();
    assert_eq!(settings.media, MediaPlace::Bucket { name: "hotel".into(), prefix: "media".into() });
    assert_eq!(settings.s3.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    assert_eq!(settings.s3.region, "eu-west-1");
    assert_eq!(settings.s3.key.as_ref().unwrap().1.expose(), "hidden");
    assert!(!format!("{settings:?}").contains("hidden"));
    for (given, missing) in [(id, secret.0), (secret, id.0)] {
        let error = read(&[given]).unwrap_err();
        assert_eq!(error.name, missing);
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
    }
}

#[test]
fn misspelled_variables_are_found() {
    let names = ["PATH", "BELLHOP_HTTP_ADR", "BELLHOP_HTTP_ADDR", "BELLHOP_A"].map(String::from);
    assert_eq!(unknown(names), ["BELLHOP_A", "BELLHOP_HTTP_ADR"]);
}
