//! What a send gives, and what the guest sees of it.

use serde_json::{Value, json};

use super::{given, map, named, positional, template};
use crate::content::{self, ButtonKind, Header};
use crate::media::{MediaKind, MediaRef};
use crate::template::{
    BadParameters, ButtonFault, Given, GivenButton, HeaderNeed, ParameterFormat, PreviewHeader,
    TemplateDefinition,
};

fn text(t: &TemplateDefinition, pairs: &[(&str, &str)]) -> Result<String, BadParameters> {
    t.fill(given(pairs)).map(|filled| filled.text)
}

fn header(value: Value) -> Header {
    serde_json::from_value(value).unwrap()
}

#[test]
fn what_is_given_is_frozen() {
    let t = named("Hi {{guest}}, {{ room }} is for {{guest}}.");
    let filled = t.fill(given(&[("room", "205"), ("guest", "Ana")])).unwrap();
    let expected = content::Template {
        template_name: "welcome".parse().unwrap(),
        language: "en".parse().unwrap(),
        parameters: map(&[("guest", "Ana"), ("room", "205")]),
        named: true,
        text: "Hi Ana, 205 is for Ana.".into(),
        header: None,
        buttons: vec![],
    };
    assert_eq!(filled, expected);
}

#[test]
fn names_for_positions_become_positions() {
    let mut t = positional("Hi {{1}}, your room is {{2}}.");
    assert_eq!(text(&t, &[("2", "205"), ("1", "Ana")]).unwrap(), "Hi Ana, your room is 205.");
    let error = text(&t, &[("guest", "Ana"), ("room", "205")]).unwrap_err();
    assert_eq!(error.to_string(), "the template has no guest, room; it takes 1, 2 (missing: 1, 2)");
    t.parameter_names = vec!["guest".into(), "room".into()];
    for pairs in
        [[("guest", "Ana"), ("room", "205")], [("1", "Ana"), ("2", "205")], [("1", "Ana"), ("room", "205")]]
    {
        let filled = t.fill(given(&pairs)).unwrap();
        assert_eq!(filled.text, "Hi Ana, your room is 205.");
        assert_eq!((filled.parameters, filled.named), (map(&[("1", "Ana"), ("2", "205")]), false));
    }
    let error = text(&t, &[("guest", "Ana"), ("1", "Ana"), ("room", "205")]).unwrap_err();
    assert_eq!(error.to_string(), "the template has no 1; it takes guest, room");
    assert_eq!(text(&t, &[("1", "Ana")]), Err(BadParameters::Missing(vec!["room".into()])));
    assert_eq!(text(&t, &[("1", " "), ("2", "x")]), Err(BadParameters::Empty("1".into())));
}

#[test]
fn wrong_parameters_are_named() {
    let t = named("{{a}} and {{b}}");
    assert_eq!(text(&t, &[("a", "1")]), Err(BadParameters::Missing(vec!["b".into()])));
    let error = text(&t, &[("a", "1"), ("b", "2"), ("c", "3")]).unwrap_err();
    assert_eq!(error.to_string(), "the template has no c; it takes a, b");
    assert_eq!(error.names(), ["c"]);
    assert_eq!(text(&t, &[("a", "1"), ("c", "3")]).unwrap_err().names(), ["c", "b"]);
    assert_eq!(text(&t, &[("a", " "), ("b", "2")]), Err(BadParameters::Empty("a".into())));
    let error = text(&named("Hi."), &[("a", "1")]).unwrap_err();
    assert_eq!(error.to_string(), "the template has no a; it takes no parameters");
}

#[test]
fn whitespace_has_its_limits() {
    let t = named("Hi {{a}}.");
    for bad in ["x\ny", "x\r\ny", "x\ty", "x     y", "     x"] {
        assert_eq!(text(&t, &[("a", bad)]), Err(BadParameters::Whitespace("a".into())), "{bad:?}");
    }
    assert_eq!(text(&t, &[("a", "x    y")]).unwrap(), "Hi x    y.");
}

#[test]
fn values_pass_unchanged() {
    let t = named("{{a}} {{b}}");
    let filled = |a: &str| text(&t, &[("a", a), ("b", "2")]).unwrap();
    for value in [
        "{{b}}",
        "{{1}} }} {{",
        "{b}}",
        "נועה כהן",
        "אולם \"כלות\" גן-עדן",
        "فندق الميناء",
        "👩‍👩‍👧 🤍",
        "e\u{301}",
        "\u{200f}שלום\u{200e}",
        "\u{202e}txt.exe",
        "$1 \\0 %s </b>",
    ] {
        assert_eq!(filled(value), format!("{value} 2"));
    }
}

#[test]
fn a_filled_in_text_has_1024_characters() {
    let t = named("{{a}} and {{b}}");
    let filled = |n: usize| text(&t, &[("a", &"ש".repeat(n)), ("b", "2")]);
    assert_eq!(filled(1018).unwrap().chars().count(), 1024);
    assert_eq!(filled(1019), Err(BadParameters::TooLong(1025)));
}

fn text_header(format: ParameterFormat, header: &str) -> TemplateDefinition {
    let body = if format == ParameterFormat::Named { "For {{guest}}." } else { "For {{1}}." };
    template(
        format,
        json!([{"type": "HEADER", "format": "TEXT", "text": header}, {"type": "BODY", "text": body}]),
    )
}

#[test]
fn a_text_header_is_filled_from_the_parameters() {
    let t = text_header(ParameterFormat::Named, "Hi {{guest}}!");
    let filled = t.fill(given(&[("guest", "Ana")])).unwrap();
    assert_eq!(filled.header, Some(Header::Text { text: "Ana".into(), name: Some("guest".into()) }));
    assert_eq!(filled.parameters, map(&[("guest", "Ana")]));
    assert_eq!(t.preview(&filled).header, Some(PreviewHeader::Text("Hi Ana!".into())));

    let t = text_header(ParameterFormat::Named, "{{sale}}");
    let filled = t.fill(given(&[("guest", "Ana"), ("sale", "May")])).unwrap();
    assert_eq!(filled.parameters, map(&[("guest", "Ana")]));

    let t = text_header(ParameterFormat::Positional, "Hi {{1}}!");
    let filled = t.fill(given(&[("header", "you"), ("1", "Ana")])).unwrap();
    assert_eq!(filled.header, Some(Header::Text { text: "you".into(), name: None }));
    assert_eq!((filled.parameters, &*filled.text), (map(&[("1", "Ana")]), "For Ana."));

    let long = |n: usize| t.fill(given(&[("header", &"é".repeat(n)), ("1", "x")]));
    assert!(long(56).is_ok());
    assert_eq!(long(57), Err(BadParameters::HeaderTooLong { name: "header".into(), length: 61 }));
    let words = header(json!({"type": "text", "text": "x"}));
    let twice = Given { header: Some(words), ..given(&[("header", "x"), ("1", "x")]) };
    assert_eq!(t.fill(twice), Err(BadParameters::HeaderIsText("header".into())));
}

#[test]
fn other_headers_are_given_as_they_are_needed() {
    let id = "media_01h455vb4pex5vsknk084sn02q";
    let files = [
        json!({"type": "image", "link": "https://h.example/a.jpg"}),
        json!({"type": "video", "media_id": id}),
        json!({"type": "document", "media_id": id, "filename": "menu.pdf"}),
        json!({"type": "location", "latitude": 32.0, "longitude": 34.8, "name": "Hotel"}),
    ];
    for need in HeaderNeed::ALL {
        let format = need.as_str().to_uppercase();
        let t = template(
            ParameterFormat::Positional,
            json!([{"type": "HEADER", "format": format}, {"type": "BODY", "text": "Hi."}]),
        );
        assert_eq!(t.fill(given(&[])), Err(BadParameters::NeedsHeader(*need)));
        for file in &files {
            let filled = t.fill(Given { header: Some(header(file.clone())), ..given(&[]) });
            if file["type"] == need.as_str() {
                assert_eq!(filled.unwrap().header, Some(header(file.clone())));
            } else {
                assert_eq!(filled.unwrap_err().names(), ["header"]);
            }
        }
        let words = Given { header: Some(header(json!({"type": "text", "text": "x"}))), ..given(&[]) };
        assert_eq!(t.fill(words), Err(BadParameters::OtherHeader { needs: *need, given: "a text" }));
    }
    assert_eq!(
        BadParameters::NeedsHeader(HeaderNeed::Image).to_string(),
        "the template has an image above its text; give header with media_id or link"
    );
    let superfluous = Given { header: Some(header(files[0].clone())), ..given(&[]) };
    assert_eq!(named("Hi.").fill(superfluous), Err(BadParameters::SuperfluousHeader));
}

#[test]
fn headers_are_checked_like_messages() {
    let fill = |format: &str, value: Value| {
        let components = json!([{"type": "HEADER", "format": format}, {"type": "BODY", "text": "Hi."}]);
        let t = template(ParameterFormat::Named, components);
        t.fill(Given { header: Some(header(value)), ..given(&[]) }).map_err(|bad| bad.to_string())
    };
    let error =
        fill("LOCATION", json!({"type": "location", "latitude": 91.0, "longitude": 0.0})).unwrap_err();
    assert_eq!(error, "the header's latitude: must be from -90 to 90 degrees");
    let image = json!({"type": "image", "link": "https://h.example/a.jpg", "filename": "a.jpg"});
    assert!(fill("IMAGE", image).unwrap_err().contains("filename"));
    let menu = json!({"type": "document", "link": "https://h.example/a.pdf", "filename": "a/b.pdf"});
    assert!(fill("DOCUMENT", menu).unwrap_err().contains("filename"));
}

fn with_buttons() -> TemplateDefinition {
    template(
        ParameterFormat::Named,
        json!([{"type": "BODY", "text": "Hi."}, {"type": "FOOTER", "text": "Bye"},
            {"type": "BUTTONS", "buttons": [
            {"type": "QUICK_REPLY", "text": "Yes"},
            {"type": "URL", "text": "See", "url": "https://h.example/r/{{1}}"},
            {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "15550051310"},
            {"type": "COPY_CODE", "text": "Copy"},
            {"type": "URL", "text": "Home", "url": "https://h.example"},
            {"type": "VOICE_CALL", "text": "Ring"}]}]),
    )
}

fn give(values: &[(u8, &str)]) -> Given {
    let buttons = values.iter().map(|(index, value)| GivenButton { index: *index, value: (*value).into() });
    Given { buttons: buttons.collect(), ..Given::default() }
}

fn fault(values: &[(u8, &str)]) -> (u8, ButtonFault) {
    match with_buttons().fill(give(values)) {
        Err(BadParameters::Button { index, fault, .. }) => (index, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn buttons_are_given_their_values() {
    let t = with_buttons();
    let filled = t.fill(give(&[(3, "WELCOME10"), (1, "abc?x={{1}}"), (0, "payload")])).unwrap();
    let values: Vec<_> = filled.buttons.iter().map(|b| (b.index, b.kind, &*b.value)).collect();
    assert_eq!(
        values,
        [
            (0, ButtonKind::QuickReply, "payload"),
            (1, ButtonKind::Url, "abc?x={{1}}"),
            (3, ButtonKind::CopyCode, "WELCOME10"),
        ]
    );
    let preview = t.preview(&filled);
    let shown: Vec<_> = preview.buttons.iter().map(|b| (&*b.text, b.kind, b.value.as_deref())).collect();
    assert_eq!(
        shown,
        [
            ("Yes", "quick_reply", None),
            ("See", "url", Some("https://h.example/r/abc?x={{1}}")),
            ("Call", "phone_number", Some("15550051310")),
            ("Copy", "copy_code", Some("WELCOME10")),
            ("Home", "url", Some("https://h.example")),
            ("Ring", "other", None),
        ]
    );
    assert_eq!((&*preview.text, preview.footer.as_deref(), preview.header), ("Hi.", Some("Bye"), None));
    assert_eq!(t.fill(give(&[(1, "abc"), (3, "X")])).unwrap().buttons.len(), 2);
}

#[test]
fn wrong_buttons_are_named() {
    assert_eq!(fault(&[(3, "X")]), (1, ButtonFault::Missing(ButtonKind::Url)));
    assert_eq!(fault(&[(1, "abc")]), (3, ButtonFault::Missing(ButtonKind::CopyCode)));
    assert_eq!(fault(&[(1, "a"), (3, "X"), (3, "X")]), (3, ButtonFault::Twice));
    assert_eq!(fault(&[(1, "a"), (3, " ")]), (3, ButtonFault::Empty));
    assert_eq!(fault(&[(1, "a"), (3, "a\nb")]), (3, ButtonFault::Whitespace));
    assert_eq!(fault(&[(1, "a b"), (3, "X")]), (1, ButtonFault::SpaceInAddress));
    for unknown in [2, 4, 9] {
        let error = with_buttons().fill(give(&[(1, "a"), (3, "X"), (unknown, "x")])).unwrap_err();
        assert_eq!(error.names(), [format!("buttons.{unknown}")]);
        assert!(error.to_string().ends_with("values are taken by 0 (Yes), 1 (See), 3 (Copy)"), "{error}");
    }
    let error = with_buttons().fill(give(&[])).unwrap_err();
    assert_eq!(error.to_string(), "button 1 (See) needs a value: the end of its address");
    assert_eq!(error.names(), ["buttons.1"]);
}

#[test]
fn values_of_buttons_at_their_edges() {
    let fits = |values: &[(u8, String)]| {
        let mut all = vec![(1, "a"), (3, "X")];
        all.retain(|(index, _)| values.iter().all(|(other, _)| other != index));
        all.extend(values.iter().map(|(index, value)| (*index, value.as_str())));
        with_buttons().fill(give(&all)).is_ok()
    };
    assert!(fits(&[(0, "p".repeat(256))]) && !fits(&[(0, "p".repeat(257))]));
    assert!(fits(&[(3, "c".repeat(15))]) && !fits(&[(3, "c".repeat(16))]));
    // `https://h.example/r/` has 20.
    assert!(fits(&[(1, "u".repeat(1980))]) && !fits(&[(1, "u".repeat(1981))]));
}

#[test]
fn unsendable_templates_are_not_filled_in() {
    let t = template(
        ParameterFormat::Named,
        json!([{"type": "BODY", "text": "Hi."},
            {"type": "BUTTONS", "buttons": [{"type": "OTP", "text": "x"}]}]),
    );
    assert!(matches!(t.fill(given(&[])), Err(BadParameters::Unsendable(_))));
}

#[test]
fn files_and_places_are_shown() {
    let show = |format: &str, value: Value| {
        let components = json!([{"type": "HEADER", "format": format}, {"type": "BODY", "text": "Hi."}]);
        let t = template(ParameterFormat::Named, components);
        let filled = t.fill(Given { header: Some(header(value)), ..given(&[]) }).unwrap();
        t.preview(&filled).header.unwrap()
    };
    let link = "https://h.example/a.pdf";
    let source = MediaRef::Link(link.parse().unwrap());
    assert_eq!(
        show("DOCUMENT", json!({"type": "document", "link": link})),
        PreviewHeader::Media { kind: MediaKind::Document, source }
    );
    let place = json!({"type": "location", "latitude": 1.0, "longitude": 2.0});
    assert!(matches!(show("LOCATION", place), PreviewHeader::Location(at) if at.latitude == 1.0));
    let t = template(
        ParameterFormat::Named,
        json!([{"type": "HEADER", "text": "Hello"}, {"type": "BODY", "text": "x"}]),
    );
    let filled = t.fill(given(&[])).unwrap();
    assert_eq!(t.preview(&filled).header, Some(PreviewHeader::Text("Hello".into())));
}
