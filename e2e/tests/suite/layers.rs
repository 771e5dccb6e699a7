//! The house: who may depend on whom.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The arrows of the design. What is not here is not allowed.
const ARROWS: &[(&str, &[&str])] = &[
    ("bellhop-domain", &[]),
    ("bellhop-entity", &["bellhop-domain"]),
    ("bellhop-migration", &[]),
    ("bellhop-service", &["bellhop-domain", "bellhop-entity"]),
    ("bellhop-provider", &["bellhop-domain"]),
    (
        "bellhop-infra",
        &["bellhop-domain", "bellhop-entity", "bellhop-service", "bellhop-provider", "bellhop-migration"],
    ),
    // `infra` is for their programs: see `only_programs_pick_implementations`.
    ("bellhop-api", &["bellhop-domain", "bellhop-service", "bellhop-infra"]),
    ("bellhop-worker", &["bellhop-domain", "bellhop-service", "bellhop-infra"]),
    ("bellhop-simulator", &[]),
    // An example talks HTTP, as everybody else does.
    ("storm_warning", &[]),
    (
        "bellhop",
        &[
            "bellhop-api",
            "bellhop-domain",
            "bellhop-entity",
            "bellhop-infra",
            "bellhop-migration",
            "bellhop-provider",
            "bellhop-service",
            "bellhop-simulator",
            "bellhop-worker",
        ],
    ),
];

/// They may look anywhere.
const GUESTS_OF_THE_HOUSE: &[&str] = &["bellhop-e2e", "bellhop-bench"];

/// Crates that only some rooms may name.
const HOMES: &[(&str, &[&str])] = &[
    ("lapin", &["bellhop-infra"]),
    ("redis", &["bellhop-infra"]),
    ("poem", &["bellhop-api", "bellhop-simulator", "bellhop"]),
    ("poem-openapi", &["bellhop-api", "bellhop-domain"]),
    ("sqlx", &["bellhop-entity"]),
    ("hyper", &["bellhop-infra"]),
    ("infer", &["bellhop-service"]),
    ("multer", &["bellhop-api"]),
    ("object_store", &["bellhop-infra"]),
    ("metrics", &["bellhop-service"]),
    ("metrics-exporter-prometheus", &["bellhop-infra"]),
];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Each package of the workspace with its dependencies by kind: normal or dev.
fn packages() -> BTreeMap<String, Vec<(String, bool)>> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).expect("JSON");
    let of = |package: &Value| {
        let dependencies = package["dependencies"].as_array().expect("a list").iter();
        dependencies
            .map(|d| (d["name"].as_str().expect("a name").to_owned(), d["kind"].as_str() == Some("dev")))
            .collect()
    };
    let packages = metadata["packages"].as_array().expect("a list").iter();
    packages.map(|package| (package["name"].as_str().expect("a name").to_owned(), of(package))).collect()
}

#[test]
fn arrows_go_where_the_design_draws_them() {
    let packages = packages();
    let ours: BTreeSet<&String> = packages.keys().collect();
    for (package, dependencies) in &packages {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| name == package) else {
            assert!(GUESTS_OF_THE_HOUSE.contains(&package.as_str()), "{package} stands nowhere in the table");
            continue;
        };
        for (dependency, dev) in dependencies.iter().filter(|(name, _)| ours.contains(name)) {
            let free = *dev && package != "bellhop-domain";
            assert!(free || allowed.contains(&dependency.as_str()), "{package} -> {dependency}");
        }
    }
    assert!(ARROWS.iter().all(|(name, _)| packages.contains_key(*name)), "a room is missing");
}

#[test]
fn drivers_and_web_stay_in_their_rooms() {
    for (package, dependencies) in packages() {
        for (dependency, dev) in dependencies {
            if let Some((_, homes)) = HOMES.iter().find(|(name, _)| *name == dependency) {
                let free = dev || GUESTS_OF_THE_HOUSE.contains(&package.as_str());
                assert!(free || homes.contains(&package.as_str()), "{package} -> {dependency}");
            }
        }
    }
}

/// A package has one list of dependencies for its library and its program, so cargo cannot tell.
#[test]
fn only_programs_pick_implementations() {
    for room in ["api", "worker"] {
        let source = format!("{}/../{room}/src", env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![std::path::PathBuf::from(source)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().is_some_and(|name| name != "main.rs") {
                    let text = std::fs::read_to_string(&path).expect("a source file");
                    assert!(!text.contains("bellhop_infra"), "{} names infra", path.display());
                }
            }
        }
    }
}

#[test]
fn the_domain_alone_knows_no_database_and_no_web() {
    let tree = cargo(&["tree", "--package", "bellhop-domain", "--edges", "normal", "--prefix", "none"]);
    for line in tree.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        for foreign in ["sea-orm", "sqlx", "poem", "hyper", "reqwest", "tokio", "lapin", "redis"] {
            assert!(name != foreign && !name.starts_with(&format!("{foreign}-")), "domain -> {name}");
        }
    }
}
