//! What goes to the provider: types in upper case, and an example for everything.

use serde_json::{Value, json};

use crate::media::MediaKind;
use crate::template::{CheckedTemplate, Submission};

fn submit(components: Value) -> Result<CheckedTemplate, Vec<String>> {
    let submission = Submission {
        name: "welcome".into(),
        language: "en".into(),
        category: "utility".into(),
        parameter_format: None,
        components,
    };
    submission.check().map_err(|wrong| wrong.into_iter().map(|wrong| wrong.to_string()).collect())
}

fn component(component: Value) -> Value {
    let other =
        if component["type"] == "BODY" { json!([]) } else { json!([{"type": "BODY", "text": "Hi."}]) };
    let mut all = vec![component];
    all.extend(other.as_array().unwrap().clone());
    submit(Value::Array(all)).unwrap().components[0].take()
}

fn body(text: &str, example: Value) -> Value {
    json!({"type": "BODY", "text": text, "example": example})
}

#[test]
fn types_are_written_in_upper_case() {
    let checked = submit(json!([
        {"type": "header", "format": "location"},
        {"type": "body", "text": "Hi."},
        {"type": "footer", "text": "Bye"},
        {"type": "buttons", "buttons": [{"type": "quick_reply", "text": "Yes"}]}
    ]));
    let expected = json!([
        {"type": "HEADER", "format": "LOCATION"},
        {"type": "BODY", "text": "Hi."},
        {"type": "FOOTER", "text": "Bye"},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Yes"}]}
    ]);
    assert_eq!(checked.unwrap().components, expected);
}

#[test]
fn examples_are_made_up() {
    let made = |part: Value| component(part)["example"].take();
    for nothing in [json!(null), json!({})] {
        assert_eq!(
            made(body("Hi {{2}}, room {{1}} is ready.", nothing)),
            json!({"body_text": [["Example 1", "Example 2"]]})
        );
    }
    assert_eq!(
        made(body("Hi {{guest_name}}, {{a_____b}} is ready.", json!(null))),
        json!({"body_text_named_params": [
            {"param_name": "guest_name", "example": "guest name"},
            {"param_name": "a_____b", "example": "a b"}]})
    );
    assert_eq!(made(body("Hi.", json!({"body_text": [[]]}))), json!(null));
    let header = |text: &str| made(json!({"type": "HEADER", "text": text}));
    assert_eq!(header("Our {{1}}"), json!({"header_text": ["Example"]}));
    assert_eq!(
        header("Our {{sale}}"),
        json!({"header_text_named_params": [{"param_name": "sale", "example": "sale"}]})
    );
    // Where only what is no longer than the variable fits.
    let ends = |length: usize| made(body(&format!("{}{{{{1}}}} x", "y".repeat(length)), json!(null)));
    assert_eq!(ends(1013), json!({"body_text": [["Example 1"]]}));
    assert_eq!(ends(1014), json!({"body_text": [["1"]]}));
}

#[test]
fn examples_that_are_given_are_kept() {
    let kept = |text: &str, example: Value| {
        assert_eq!(component(body(text, example.clone()))["example"], example);
    };
    kept("Hi {{1}} and {{2}}.", json!({"body_text": [["Ana", "Bo"]]}));
    kept("Hi {{a}}, hello.", json!({"body_text_named_params": [{"param_name": "a", "example": "Ana"}]}));
    let flat = component(body("Hi {{1}} and {{2}}.", json!({"body_text": ["Ana", "Bo"]})));
    assert_eq!(flat["example"], json!({"body_text": [["Ana", "Bo"]]}));
    let header = component(json!({"type": "HEADER", "text": "Hi {{1}}", "example": {"header_text": "Ana"}}));
    assert_eq!(header["example"], json!({"header_text": ["Ana"]}));
}

#[test]
fn examples_fit_the_text() {
    let wrong = |text: &str, example: Value| match submit(json!([body(text, example)])) {
        Ok(checked) => panic!("{checked:?}"),
        Err(wrong) => {
            assert!(wrong.len() == 1 && wrong[0].starts_with("components.0.example: "), "{wrong:?}");
        }
    };
    let two = "Hi {{1}} and {{2}}.";
    for values in [
        json!([["a"]]),
        json!([["a", "b", "c"]]),
        json!([["a", 2]]),
        json!([["a", " "]]),
        json!("a"),
        json!(1),
    ] {
        wrong(two, json!({"body_text": values}));
    }
    wrong(two, json!({"body_text": [["a", "b\nc"]]}));
    wrong(two, json!({"body_text": [["a", "x".repeat(1024)]]}));
    wrong(two, json!("a"));
    wrong(two, json!({"body_text_named_params": []}));
    let param = |name: &str| json!({"param_name": name, "example": "x"});
    for params in
        [json!([]), json!([param("b")]), json!([param("a"), param("a")]), json!([{"param_name": "a"}])]
    {
        wrong("Hi {{a}}, hello.", json!({"body_text_named_params": params}));
    }
    wrong("Hi {{a}}, hello.", json!({"body_text": [["x"]]}));
}

#[test]
fn buttons_have_examples_too() {
    let button = |button: Value| {
        let buttons = json!({"type": "BUTTONS", "buttons": [button]});
        component(buttons)["buttons"][0]["example"].take()
    };
    let url = |example: Value| {
        let url = "https://h.example/{{1}}";
        json!({"type": "url", "text": "x", "url": url, "example": example})
    };
    assert_eq!(button(url(json!(null))), json!(["https://h.example/12345"]));
    assert_eq!(button(url(json!("summer"))), json!(["summer"]));
    assert_eq!(button(url(json!(["https://h.example/a"]))), json!(["https://h.example/a"]));
    assert_eq!(button(json!({"type": "URL", "text": "x", "url": "https://h.example"})), json!(null));
    assert_eq!(button(json!({"type": "COPY_CODE"})), json!("WELCOME10"));
    assert_eq!(button(json!({"type": "COPY_CODE", "example": ["25OFF"]})), json!("25OFF"));
}

#[test]
fn a_file_of_ours_is_left_to_the_caller() {
    let with = |format: &str, example: Value| {
        let header = json!({"type": "HEADER", "format": format, "example": example});
        submit(json!([header, {"type": "BODY", "text": "Hi."}])).unwrap()
    };
    let ours = json!({"media_id": "media_01h455vb4pex5vsknk084sn02q"});
    let checked = with("document", ours.clone());
    assert_eq!(checked.needs_example, Some(MediaKind::Document));
    assert_eq!(checked.components[0]["example"], ours);
    assert_eq!(with("IMAGE", json!({"header_handle": ["4::x"]})).needs_example, None);
}
