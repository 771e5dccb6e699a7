//! Every rule on submissions, at its edge and one past it.

use serde_json::{Value, json};

use crate::template::Submission;

fn submission(components: Value) -> Submission {
    Submission {
        name: "welcome".into(),
        language: "en_US".into(),
        category: "UTILITY".into(),
        parameter_format: None,
        components,
    }
}

/// The fields that are wrong.
fn fields(submission: Submission) -> Vec<String> {
    submission.check().err().into_iter().flatten().map(|wrong| wrong.field).collect()
}

#[track_caller]
fn good(components: Value) {
    assert_eq!(fields(submission(components)), [""; 0]);
}

#[track_caller]
fn wrong(components: Value, expected: &[&str]) {
    assert_eq!(fields(submission(components)), expected);
}

fn body(text: &str) -> Value {
    json!([{"type": "BODY", "text": text}])
}

fn with(part: Value) -> Value {
    json!([part, {"type": "BODY", "text": "Hello."}])
}

fn buttons(list: &[Value]) -> Value {
    with(json!({"type": "BUTTONS", "buttons": list}))
}

fn reply(text: &str) -> Value {
    json!({"type": "QUICK_REPLY", "text": text})
}

fn link(text: &str, url: &str) -> Value {
    json!({"type": "URL", "text": text, "url": url})
}

#[test]
fn names_languages_and_categories() {
    let with = |name: &str, language: &str, category: &str| {
        let (name, language, category) = (name.into(), language.into(), category.into());
        fields(Submission { name, language, category, ..submission(body("Hi.")) })
    };
    let none = [""; 0];
    assert_eq!(with(&"a".repeat(512), "he", "utility"), none);
    assert_eq!(with("late_checkout_2", "zh_CN", "Marketing"), none);
    assert_eq!(with("a", "fil", "UTILITY"), none);
    for name in ["", "Late", "late checkout", "late-checkout", "שלום", &"a".repeat(513)] {
        assert_eq!(with(name, "en", "UTILITY"), ["name"], "{name}");
    }
    for language in ["", "e", "english", "EN", "en-US", "en_us", "en_", "en_U", "en_US_x", "עב"] {
        assert_eq!(with("a", language, "UTILITY"), ["language"], "{language}");
    }
    assert_eq!(with("a", "en", "guest_services"), ["category"]);
    assert_eq!(with("A", "en", "authentication"), ["name", "category"]);
}

#[test]
fn all_that_is_wrong_is_listed() {
    let everything = Submission {
        name: "A".into(),
        language: "x".into(),
        category: "y".into(),
        parameter_format: Some("z".into()),
        components: json!([
            {"type": "HEADER", "format": "GIF"},
            {"type": "FOOTER", "text": "{{1}}"},
            {"type": "CAROUSEL"},
            {"type": "BUTTONS", "buttons": [{"type": "OTP"}, {"type": "URL", "text": "", "url": "x"}]}
        ]),
    };
    let expected = [
        "name",
        "language",
        "category",
        "components.2.type",
        "components",
        "parameter_format",
        "components.0.format",
        "components.1.text",
        "components.3.buttons.0.type",
        "components.3.buttons.1.text",
        "components.3.buttons.1.url",
    ];
    assert_eq!(fields(everything), expected);
}

#[test]
fn components_are_one_of_each() {
    for odd in [json!(null), json!({}), json!("x")] {
        wrong(odd, &["components"]);
    }
    wrong(json!([]), &["components"]);
    wrong(json!([1, {"type": "BODY", "text": "x"}]), &["components.0"]);
    wrong(json!([{"text": "x"}]), &["components.0.type", "components"]);
    wrong(json!([{"type": "BODY", "text": "x"}, {"type": "body", "text": "y"}]), &["components.1.type"]);
    let footer = || json!({"type": "footer", "text": "x"});
    wrong(json!([footer(), {"type": "BODY", "text": "x"}, footer()]), &["components.2.type"]);
    wrong(json!([{"type": "BODY"}]), &["components.0.text"]);
    wrong(json!([{"type": "BODY", "text": 1}]), &["components.0.text"]);
}

#[test]
fn texts_at_their_edges() {
    good(body(&"ש".repeat(1024)));
    wrong(body(&"ש".repeat(1025)), &["components.0.text"]);
    wrong(body(" "), &["components.0.text"]);
    let header = |text: &str| with(json!({"type": "HEADER", "format": "text", "text": text}));
    good(header(&"é".repeat(60)));
    wrong(header(&"é".repeat(61)), &["components.0.text"]);
    wrong(header(""), &["components.0.text"]);
    good(header("{{1}}"));
    good(header(&format!("{}{{{{1}}}}", "x".repeat(55))));
    wrong(header("{{1}} or {{2}}"), &["components.0.text"]);
    wrong(header("{{2}}"), &["components.0.text"]);
    let footer = |text: &str| with(json!({"type": "FOOTER", "text": text}));
    good(footer(&"f".repeat(60)));
    wrong(footer(&"f".repeat(61)), &["components.0.text"]);
    wrong(footer("for {{1}}"), &["components.0.text"]);
}

#[test]
fn variables_of_the_body() {
    let bad = |text: &str| wrong(body(text), &["components.0.text"]);
    good(body("Hi {{1}} and {{2}} and {{1}}."));
    good(body("Hi {{2}} and {{1}}."));
    bad("Hi {{1}} and {{3}}.");
    bad("Hi {{0}} and you.");
    bad("Hi {{01}} and you.");
    bad("{{1}} is welcome.");
    bad("\n{{1}} is welcome.");
    bad("You are welcome, {{1}}");
    bad("You are welcome, {{1}} \n");
    good(body("You are welcome, {{1}}."));
    bad("You are {{1}}{{2}} welcome.");
    bad("You are {{1}} {{2}} welcome.");
    good(body("You are {{1}}, {{2}} welcome."));
    bad("Hi {{1}, you are welcome.");
    bad("Hi {1}}, you are welcome.");
    bad("Hi {{ 1 }}, you are welcome.");
    bad("Hi {{}}, you are welcome.");
    good(body("Hi {1} and {you}."));
    good(body("Hi {{1}} - {{2}} there."));
    bad("Hi {{1}} - {{2}} - {{3}} !");
}

#[test]
fn numbers_or_names() {
    let with = |format: Option<&str>, text: &str| {
        fields(Submission { parameter_format: format.map(str::to_owned), ..submission(body(text)) })
    };
    let format = |text: &str| submission(body(text)).check().unwrap().parameter_format.as_str();
    assert_eq!(format("Hi {{1}}, hello."), "POSITIONAL");
    assert_eq!(format("Hi {{guest_name2}}, hello."), "NAMED");
    assert_eq!(format("Hi."), "POSITIONAL");
    assert_eq!(with(None, "Hi {{1}} and {{guest}}."), ["parameter_format"]);
    assert_eq!(with(Some("named"), "Hi {{guest}}, hello."), [""; 0]);
    assert_eq!(with(Some("NAMED"), "Hi {{1}}, hello."), ["components.0.text"]);
    assert_eq!(with(Some("positional"), "Hi {{guest}}, hello."), ["components.0.text"]);
    assert_eq!(with(Some("both"), "Hi {{1}}, hello."), ["parameter_format"]);
    for name in ["Guest", "guest-name", "2a", "_a", "guest name", "#", "אורח"] {
        assert_eq!(with(None, &format!("Hi {{{{{name}}}}}, hello.")), ["components.0.text"], "{name}");
    }
    let mixed =
        json!([{"type": "HEADER", "text": "{{guest}}"}, {"type": "BODY", "text": "Hi {{1}}, hello."}]);
    wrong(mixed, &["parameter_format"]);
}

#[test]
fn media_headers_want_an_example() {
    let header = |example: Value| with(json!({"type": "HEADER", "format": "IMAGE", "example": example}));
    let id = "media_01h455vb4pex5vsknk084sn02q";
    good(header(json!({"header_handle": ["4::aW1n"]})));
    good(header(json!({"media_id": id})));
    let at = "components.0.example";
    wrong(with(json!({"type": "HEADER", "format": "video"})), &[at]);
    wrong(header(json!({})), &[at]);
    wrong(header(json!({"header_handle": null})), &[at]);
    wrong(header(json!({"header_handle": ["x"], "media_id": id})), &[at]);
    for bad in [json!([]), json!("4::x"), json!([""]), json!([1])] {
        wrong(header(json!({"header_handle": bad})), &["components.0.example.header_handle"]);
    }
    for bad in [json!("x"), json!(1), json!("msg_01h455vb4pex5vsknk084sn02q")] {
        wrong(header(json!({"media_id": bad})), &["components.0.example.media_id"]);
    }
    good(with(json!({"type": "HEADER", "format": "location"})));
    wrong(with(json!({"type": "HEADER", "format": "GIF"})), &["components.0.format"]);
    wrong(with(json!({"type": "HEADER", "format": 1})), &["components.0.format"]);
}

#[test]
fn buttons_are_counted() {
    let replies = |n: usize| (0..n).map(|n| reply(&n.to_string())).collect::<Vec<_>>();
    good(buttons(&replies(10)));
    wrong(buttons(&replies(11)), &["components.0.buttons"]);
    wrong(buttons(&[]), &["components.0.buttons"]);
    wrong(with(json!({"type": "BUTTONS"})), &["components.0.buttons"]);
    wrong(with(json!({"type": "BUTTONS", "buttons": [1]})), &["components.0.buttons.0"]);
    let links = |n: usize| (0..n).map(|n| link(&n.to_string(), "https://h.example")).collect::<Vec<_>>();
    good(buttons(&links(2)));
    wrong(buttons(&links(3)), &["components.0.buttons"]);
    let phone = |text: &str| json!({"type": "PHONE_NUMBER", "text": text, "phone_number": "+972 3 555-0100"});
    wrong(buttons(&[phone("a"), phone("b")]), &["components.0.buttons"]);
    let code = json!({"type": "COPY_CODE"});
    wrong(buttons(&[code.clone(), code.clone()]), &["components.0.buttons"]);
    good(buttons(&[&replies(6)[..], &[link("x", "https://h.example"), phone("y"), code]].concat()));
}

#[test]
fn quick_replies_stand_together() {
    let (a, b) = (reply("a"), reply("b"));
    let (x, y) = (link("x", "https://h.example/x"), link("y", "https://h.example/y"));
    for order in [[&a, &b, &x, &y], [&x, &y, &a, &b]] {
        good(buttons(&order.map(Clone::clone)));
    }
    for order in [[&a, &x, &b], [&x, &a, &y]] {
        wrong(buttons(&order.map(Clone::clone)), &["components.0.buttons"]);
    }
}

#[test]
fn words_on_buttons() {
    let at = "components.0.buttons.0.text";
    good(buttons(&[reply(&"ש".repeat(25))]));
    wrong(buttons(&[reply(&"ש".repeat(26))]), &[at]);
    wrong(buttons(&[reply("")]), &[at]);
    wrong(buttons(&[reply("{{1}}")]), &[at]);
    wrong(buttons(&[json!({"type": "QUICK_REPLY"})]), &[at]);
    wrong(buttons(&[reply("a"), reply("b"), reply("a")]), &["components.0.buttons.2.text"]);
}

#[test]
fn what_is_behind_buttons() {
    let url = |url: &str| buttons(&[link("x", url)]);
    let bad = |text: &str| wrong(url(text), &["components.0.buttons.0.url"]);
    let long = |n: usize| format!("https://h.example/{}", "x".repeat(n - 18));
    good(url(&long(2000)));
    bad(&long(2001));
    good(url(&format!("{}{{{{1}}}}", long(1995))));
    bad(&format!("{}{{{{1}}}}", long(1996)));
    good(url("https://h.example/r?x={{code}}"));
    for text in [
        "",
        "h.example",
        "ftp://h.example",
        "https://{{1}}",
        "{{1}}",
        "https://h.example/a b",
        "https://h.example/{{1}}/x",
        "https://h.example/{{1}}{{2}}",
        "https://h.example/{{1}",
        "https://h.example/{{A}}",
    ] {
        bad(text);
    }
    wrong(buttons(&[json!({"type": "URL", "text": "x"})]), &["components.0.buttons.0.url"]);
    let phone =
        |number: Value| buttons(&[json!({"type": "PHONE_NUMBER", "text": "x", "phone_number": number})]);
    for number in ["15550051310", "+15550051310", "+1 (555) 005-1310", "+123 456 789 012 345"] {
        good(phone(json!(number)));
    }
    for number in [
        json!(null),
        json!(""),
        json!("0"),
        json!("call us"),
        json!("1+5550051310"),
        json!("1234567890123456"),
        json!("+1  (555)  005 - 1310"),
    ] {
        wrong(phone(number), &["components.0.buttons.0.phone_number"]);
    }
    let code = |example: Value| buttons(&[json!({"type": "COPY_CODE", "example": example})]);
    good(code(json!("c".repeat(15))));
    good(code(json!(["25OFF"])));
    for bad in [json!("c".repeat(16)), json!(""), json!(["a", "b"]), json!(7)] {
        wrong(code(bad), &["components.0.buttons.0.example"]);
    }
}
