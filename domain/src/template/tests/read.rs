//! What is read from Meta's components.

use serde_json::json;

use super::{map, named, positional, template};
use crate::content::ButtonKind;
use crate::media::MediaKind;
use crate::template::{
    ButtonPart, ButtonPartKind, HeaderNeed, HeaderPart, ParameterFormat, Parts, TemplateDefinition,
    check_parameter_names,
};

#[test]
fn parts_are_found_in_any_case() {
    let parts = Parts::read(&json!([
        {"type": "header", "format": "image"},
        {"type": "Body", "text": "hi"},
        {"type": "FOOTER", "text": "bye"},
        {"type": "buttons", "buttons": [
            {"type": "quick_reply", "text": "Yes"},
            {"type": "URL", "text": "See", "url": "https://h.example/{{1}}"},
            {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "15550051310"},
            {"type": "COPY_CODE", "example": ["X"]},
            {"type": "OTP", "text": "Copy"}]}
    ]));
    let button = |text: &str, kind| ButtonPart { text: text.into(), kind };
    assert_eq!(
        parts,
        Parts {
            header: Some(HeaderPart::Media(MediaKind::Image)),
            body: "hi".into(),
            footer: Some("bye".into()),
            buttons: vec![
                button("Yes", ButtonPartKind::QuickReply),
                button("See", ButtonPartKind::Url { url: "https://h.example/{{1}}".into() }),
                button("Call", ButtonPartKind::Phone { phone_number: "15550051310".into() }),
                button("Copy offer code", ButtonPartKind::CopyCode),
                button("Copy", ButtonPartKind::Other("OTP".into())),
            ],
        }
    );
    let header =
        |format: &str| Parts::read(&json!([{"type": "HEADER", "format": format, "text": "t"}])).header;
    assert_eq!(header("TEXT"), Some(HeaderPart::Text("t".into())));
    assert_eq!(header("video"), Some(HeaderPart::Media(MediaKind::Video)));
    assert_eq!(header("DOCUMENT"), Some(HeaderPart::Media(MediaKind::Document)));
    assert_eq!(header("LOCATION"), Some(HeaderPart::Location));
    assert_eq!(header("GIF"), Some(HeaderPart::Other("GIF".into())));
    for odd in
        [json!(null), json!({}), json!([1, {"type": 2}, {}]), json!([{"type": "BUTTONS", "buttons": 1}])]
    {
        let empty = Parts { header: None, body: String::new(), footer: None, buttons: vec![] };
        assert_eq!(Parts::read(&odd), empty, "{odd}");
    }
}

#[test]
fn names_keep_the_order_of_the_text_and_positions_their_number() {
    assert_eq!(named("Hi {{guest}}, {{ room }} is for {{guest}}.").parameters(), ["guest", "room"]);
    assert_eq!(named("{{ b }} {{a}}").parameters(), ["b", "a"]);
    let many = positional("{{10}}{{2}}{{1}}{{3}}{{4}}{{5}}{{6}}{{7}}{{8}}{{9}}");
    assert_eq!(many.parameters().join(" "), "1 2 3 4 5 6 7 8 9 10");
    assert_eq!(positional("Hi {{{1}}}, {{ {{2}} }}, {{}} and {{open").parameters(), ["1", "2"]);
    assert!(positional("Hi.").parameters().is_empty());
}

fn with_header(format: ParameterFormat, header: &str, body: &str) -> TemplateDefinition {
    template(
        format,
        json!([{"type": "HEADER", "format": "TEXT", "text": header}, {"type": "BODY", "text": body}]),
    )
}

#[test]
fn the_headers_variable_comes_first() {
    let shared = with_header(ParameterFormat::Named, "Welcome {{guest}}", "{{room}} is for {{guest}}.");
    assert_eq!(shared.parameters(), ["guest", "room"]);
    let mut numbers = with_header(ParameterFormat::Positional, "Welcome {{1}}", "{{1}}, {{2}}.");
    assert_eq!(numbers.parameters(), ["header", "1", "2"]);
    numbers.parameter_names = vec!["guest".into(), "room".into()];
    assert_eq!(numbers.parameters(), ["header", "guest", "room"]);
    // They were given for another text.
    numbers.parameter_names.pop();
    assert_eq!(numbers.parameters(), ["header", "1", "2"]);
}

#[test]
fn examples_have_the_keys_of_the_parameters() {
    let mut t = template(
        ParameterFormat::Positional,
        json!([
            {"type": "HEADER", "format": "TEXT", "text": "Our {{1}}", "example": {"header_text": ["sale"]}},
            {"type": "BODY", "text": "{{2}} of {{1}}.", "example": {"body_text": [["May", "the end"]]}}
        ]),
    );
    assert_eq!(t.example(), map(&[("header", "sale"), ("1", "May"), ("2", "the end")]));
    t.parameter_names = vec!["month".into(), "day".into()];
    assert_eq!(t.example(), map(&[("header", "sale"), ("month", "May"), ("day", "the end")]));
    t.parameter_names.clear();
    t.components[0]["example"] = json!({"header_text": "sale"});
    t.components[1]["example"] = json!({"body_text": ["May"]});
    assert_eq!(t.example(), map(&[("header", "sale"), ("1", "May")]));
    let t = template(
        ParameterFormat::Named,
        json!([
            {"type": "HEADER", "text": "{{guest}}!", "example": {"header_text_named_params": [
                {"param_name": "guest", "example": "Ana"}]}},
            {"type": "BODY", "text": "{{guest}} {{room}}", "example": {"body_text_named_params": [
                {"param_name": "guest", "example": "Bo"}, {"param_name": "room", "example": "205"},
                {"param_name": "old", "example": "x"}]}}
        ]),
    );
    assert_eq!(t.example(), map(&[("guest", "Ana"), ("room", "205")]));
    assert!(named("{{a}}").example().is_empty());
}

fn with(part: serde_json::Value) -> TemplateDefinition {
    template(ParameterFormat::Named, json!([{"type": "BODY", "text": "hi"}, part]))
}

#[test]
fn needs_are_told() {
    let t = template(
        ParameterFormat::Positional,
        json!([
            {"type": "HEADER", "format": "DOCUMENT"},
            {"type": "BODY", "text": "hi"},
            {"type": "BUTTONS", "buttons": [
                {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "1"},
                {"type": "URL", "text": "Plain", "url": "https://h.example"},
                {"type": "URL", "text": "Own", "url": "https://h.example/{{1}}"},
                {"type": "COPY_CODE"},
                {"type": "QUICK_REPLY", "text": "Yes"}]}
        ]),
    );
    let needs = t.needs();
    assert_eq!(needs.header, Some(HeaderNeed::Document));
    let buttons: Vec<_> = needs.buttons.iter().map(|b| (b.index, b.kind, &*b.text, b.required)).collect();
    assert_eq!(
        buttons,
        [
            (2, ButtonKind::Url, "Own", true),
            (3, ButtonKind::CopyCode, "Copy offer code", true),
            (4, ButtonKind::QuickReply, "Yes", false),
        ]
    );
    assert_eq!(
        with(json!({"type": "HEADER", "format": "LOCATION"})).needs().header,
        Some(HeaderNeed::Location)
    );
    let none = with_header(ParameterFormat::Named, "{{x}}", "hi").needs();
    assert_eq!((none.header, none.buttons.len()), (None, 0));
}

#[test]
fn only_what_nobody_can_give_is_unsendable() {
    let button = |kind: &str| {
        with(json!({"type": "BUTTONS", "buttons": [
            {"type": kind, "text": "t", "url": "https://x/{{1}}"}]}))
    };
    for kind in ["QUICK_REPLY", "url", "PHONE_NUMBER", "COPY_CODE", "VOICE_CALL"] {
        assert_eq!(button(kind).unsendable(), None, "{kind}");
    }
    for kind in ["OTP", "flow", "CATALOG", "MPM"] {
        assert!(button(kind).unsendable().is_some(), "{kind}");
    }
    for format in ["TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION"] {
        assert_eq!(with(json!({"type": "HEADER", "format": format})).unsendable(), None, "{format}");
    }
    assert!(with(json!({"type": "HEADER", "format": "GIF"})).unsendable().is_some());
    assert!(with(json!({"type": "CAROUSEL"})).unsendable().is_some());
}

#[test]
fn names_for_positions_are_checked() {
    let check = |t: &TemplateDefinition, names: &[&str]| {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        check_parameter_names(t.parameter_format, &t.parts(), &names).map_err(|wrong| wrong.field)
    };
    let two = positional("{{1}} and {{2}} and {{1}}.");
    assert_eq!(check(&two, &[]), Ok(()));
    assert_eq!(check(&two, &["guest_name", "room2"]), Ok(()));
    assert_eq!(check(&two, &["guest"]), Err("parameter_names".into()));
    assert_eq!(check(&two, &["a", "b", "c"]), Err("parameter_names".into()));
    for bad in ["", "2", "header", "Guest", "a b", "2a", "_a", "é", "a"] {
        assert_eq!(check(&two, &["a", bad]), Err("parameter_names.1".into()), "{bad:?}");
    }
    assert_eq!(check(&named("{{a}} and {{b}}."), &["c", "d"]), Err("parameter_names".into()));
    assert_eq!(check(&named("{{a}} and {{b}}."), &[]), Ok(()));
}
