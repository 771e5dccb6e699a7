//! Which methods an address takes, and its name in the log: read from the document, so that both
//! are right by construction.

use std::sync::LazyLock;

use crate::openapi;

/// Addresses that are not in the document.
const OTHERS: [&str; 7] = ["/", "/docs", "/openapi.yaml", "/openapi.json", "/healthz", "/readyz", "/metrics"];

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let document = openapi::document();
    let documented = document["paths"].as_object().into_iter().flatten().map(|(path, operations)| {
        let methods = operations.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
        Route { path: path.clone(), methods: methods.collect() }
    });
    let others = OTHERS.iter().map(|path| Route { path: (*path).to_owned(), methods: vec!["GET".into()] });
    documented.chain(others).collect()
});

pub struct Route {
    /// With `{name}` for what varies.
    pub path: String,
    methods: Vec<String>,
}

impl Route {
    /// Names have no slash, so the segments decide; a fixed one goes before a name.
    pub fn find(path: &str) -> Option<&'static Self> {
        let fits = |route: &&Route| {
            let is_name = |segment: &str| segment.starts_with('{');
            let (mut theirs, mut ours) = (path.split('/'), route.path.split('/'));
            loop {
                match (theirs.next(), ours.next()) {
                    (None, None) => return true,
                    (Some(a), Some(b)) if a == b || (is_name(b) && !a.is_empty()) => {}
                    _ => return false,
                }
            }
        };
        ROUTES.iter().filter(fits).min_by_key(|route| route.path.matches('{').count())
    }

    /// The value of the header `Allow`.
    pub fn allow(&self) -> String {
        let mut methods: Vec<&str> = self.methods.iter().map(String::as_str).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        methods.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_segments_go_before_names() {
        let at = |path: &str| Route::find(&format!("/api/v1/whatsapp{path}")).map(|r| (&*r.path, r.allow()));
        assert_eq!(at("/messages/send"), Some(("/api/v1/whatsapp/messages/send", "POST".into())));
        assert_eq!(at("/messages/x"), Some(("/api/v1/whatsapp/messages/{message_id}", "GET, HEAD".into())));
        assert_eq!(at("/property").map(|r| r.1), Some("GET, HEAD, PATCH".into()));
        assert_eq!(at("/messages/"), None);
        assert_eq!(at("/nothing"), None);
        assert!(Route::find("/healthz").is_some());
    }
}
