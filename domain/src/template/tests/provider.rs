//! Templates as they are in the world: the guides', Meta's own examples, and any text at all.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{given, template};
use crate::content::Header;
use crate::template::{
    CheckedTemplate, Given, GivenButton, HeaderNeed, Language, ParameterFormat, Submission,
    TemplateDefinition,
};

fn submission(category: &str, language: &str, components: Value) -> Submission {
    Submission {
        name: "late_checkout_confirmation".into(),
        language: language.into(),
        category: category.into(),
        parameter_format: None,
        components,
    }
}

fn definition(checked: CheckedTemplate) -> TemplateDefinition {
    TemplateDefinition {
        name: checked.name,
        language: checked.language,
        ..template(checked.parameter_format, checked.components)
    }
}

/// Passes, and can be filled in with its own examples.
#[track_caller]
fn passes(category: &str, language: &str, components: Value) -> TemplateDefinition {
    let checked = submission(category, language, components).check().unwrap();
    let definition = definition(checked);
    definition.fill(all_that_is_needed(&definition)).unwrap();
    definition
}

fn all_that_is_needed(template: &TemplateDefinition) -> Given {
    let needs = template.needs();
    let header = |need| match need {
        HeaderNeed::Location => json!({"type": "location", "latitude": 1.0, "longitude": 2.0}),
        HeaderNeed::Image | HeaderNeed::Video | HeaderNeed::Document => {
            json!({"type": need, "link": "https://h.example/file"})
        }
    };
    let buttons = needs.buttons.iter().map(|need| GivenButton { index: need.index, value: "X".into() });
    Given {
        parameters: template.example(),
        header: needs.header.map(|need| serde_json::from_value::<Header>(header(need)).unwrap()),
        buttons: buttons.collect(),
    }
}

#[test]
fn the_hotel_guides_template_passes() {
    let t = passes(
        "UTILITY",
        "en",
        json!([
            {"type": "HEADER", "format": "TEXT", "text": "Late Checkout Confirmed"},
            {"type": "BODY", "text": "Hi {{1}}, your late checkout until {{2}} has been confirmed for \
              room {{3}}. Additional charges: {{4}}."},
            {"type": "FOOTER", "text": "Thank you for staying with us!"}
        ]),
    );
    assert_eq!(t.parameter_format, ParameterFormat::Positional);
    assert_eq!(t.parameters(), ["1", "2", "3", "4"]);
}

const WEDDING: &str = "היי {{1}} 🤍\nזה קורה! 🎉\n{{2}} ו-{{3}} מתחתנים ונשמח שתהיה/י איתנו ברגע המיוחד הזה ✨\n\
    📍 האולם: \"{{4}}\"\n📅 התאריך: {{5}}\n🕒 השעה: {{6}}\nלאישור הגעה ופרטים נוספים:\n{{7}}\n\
    מתרגשים ומצפים לראותך 💞";

#[test]
fn the_hebrew_invitation_passes_and_is_filled_in() {
    let mut t = passes("marketing", "he", json!([{"type": "BODY", "text": WEDDING}]));
    t.parameter_names =
        ["guest", "partner1", "partner2", "venue", "date", "time", "link"].map(str::to_owned).to_vec();
    let filled = t
        .fill(given(&[
            ("link", "https://rsvp.example.com/abc"),
            ("guest", "חבר"),
            ("partner1", "דוד"),
            ("partner2", "וורד"),
            ("venue", "אולם כלות גן עדן"),
            ("date", "25/02"),
            ("time", "19:00"),
        ]))
        .unwrap();
    assert_eq!(filled.parameters["4"], "אולם כלות גן עדן");
    assert!(filled.text.starts_with("היי חבר 🤍\nזה קורה! 🎉\nדוד ו-וורד מתחתנים"), "{}", filled.text);
    assert!(filled.text.ends_with("https://rsvp.example.com/abc\nמתרגשים ומצפים לראותך 💞"));
}

#[test]
fn templates_that_hotels_send_pass() {
    for body in [
        "Dear {{guest_name}}, welcome to {{hotel_name}}! Your room {{room_number}} is ready from \
         {{checkin_time}}, and it is yours until {{checkout_date}}. Just write to us here whenever you need \
         something.",
        "We have booked {{service_type}} for you: {{appointment_time}}, at {{location}}. Please plan for \
         about {{estimated_duration}}. If the time does not suit you, answer this message.",
        "Hello {{1}}, this is a reminder of your appointment at {{2}} on {{3}}. See you then!",
        "שלום {{1}} 🤍\nהיום הגדול מתקרב! {{2}} ו-{{3}} מתחתנים ושמחים להזמין אתכם לחגוג איתם ✨\n\
         📍 האולם: {{4}}\n\
         📅 התאריך: {{5}}\n🕒 השעה: {{6}}\nלאישור הגעה: {{7}}\nמחכים לראותכם 💞",
        "مرحبًا {{1}}، غرفتك {{2}} جاهزة.",
        "This message shows that the connection works. Nothing else needs to be done.",
    ] {
        passes("UTILITY", "en", json!([{"type": "BODY", "text": body}]));
    }
}

/// In the shapes of the examples in Meta's OpenAPI file.
#[test]
fn metas_shapes_pass() {
    let handle = json!({"header_handle": ["4::YXBwbGljYXRpb24vcGRm:ARZV"]});
    passes(
        "UTILITY",
        "en_US",
        json!([
            {"type": "HEADER", "format": "DOCUMENT", "example": handle},
            {"type": "BODY", "text": "Thank you for your stay, {{1}}! Your bill is {{2}}. Tap the PDF above.",
             "example": {"body_text": [["Mark", "860198-230332"]]}},
            {"type": "BUTTONS", "buttons": [
                {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "16467043595"},
                {"type": "URL", "text": "Contact Support", "url": "https://www.examplesite.com/support"}]}
        ]),
    );
    passes(
        "MARKETING",
        "en_US",
        json!([
            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::a:e:1\n4::b:e:2"]}},
            {"type": "BODY", "text": "Hi {{1}}! Our {{2}} is yours for only {{3}}. Tap a button for more.",
             "example": {"body_text": [["Mark", "weekend", "800"]]}},
            {"type": "FOOTER", "text": "Offer valid until May 31"},
            {"type": "BUTTONS", "buttons": [
                {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "16467043595"},
                {"type": "URL", "text": "Shop Now", "url": "https://shop.example/shop?promo={{1}}",
                 "example": ["summer2023"]}]}
        ]),
    );
    passes(
        "UTILITY",
        "en_US",
        json!([
            {"type": "HEADER", "format": "LOCATION"},
            {"type": "BODY", "text": "Good news {{1}}! Your order #{{2}} is on its way to the place above.",
             "example": {"body_text": [["Mark", "566701"]]}},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop Delivery Updates"}]}
        ]),
    );
}

#[test]
fn metas_shapes_with_words_above_pass() {
    let t = passes(
        "MARKETING",
        "en",
        json!([
            {"type": "HEADER", "format": "TEXT", "text": "Our {{1}} is on!",
             "example": {"header_text": ["Summer Sale"]}},
            {"type": "BODY", "text": "Book through {{1}} and use code {{2}} to get {{3}} off of all rooms.",
             "example": {"body_text": [["the end of August", "25OFF", "25%"]]}},
            {"type": "FOOTER", "text": "Use the buttons below to manage your subscriptions"},
            {"type": "BUTTONS", "buttons": [
                {"type": "QUICK_REPLY", "text": "Unsubscribe from Promos"},
                {"type": "QUICK_REPLY", "text": "Unsubscribe from All"}]}
        ]),
    );
    assert_eq!(t.parameters(), ["header", "1", "2", "3"]);
    passes(
        "MARKETING",
        "en_US",
        json!([
            {"type": "HEADER", "format": "TEXT", "text": "{{sale}} is on!",
             "example": {"header_text_named_params": [{"param_name": "sale", "example": "Spring"}]}},
            {"type": "BODY", "text": "Use {{code}} until {{end}} please.",
             "example": {"body_text_named_params": [
                {"param_name": "code", "example": "A1"}, {"param_name": "end", "example": "May 2"}]}},
            {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": "25OFF"}]}
        ]),
    );
}

/// Texts with braces in them far more often than by chance.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{{".to_owned()),
        Just("}}".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        "[{][{][1-4][}][}]",
        "[{][{][a-c_]{1,3}[}][}]",
        "[a-zא-ת ]{0,12}",
        "\\PC{0,6}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Bodies of which most pass.
fn sound_text() -> impl Strategy<Value = String> {
    let piece =
        prop_oneof!["[a-zא-ת]{1,12} ", Just("ok {{1}} ok ".to_owned()), Just("ok {{2}} ok ".to_owned())];
    proptest::collection::vec(piece, 0..100).prop_map(|pieces| format!("a {} z.", pieces.concat()))
}

fn format() -> impl Strategy<Value = ParameterFormat> {
    prop_oneof![Just(ParameterFormat::Named), Just(ParameterFormat::Positional)]
}

proptest! {
    #[test]
    fn nothing_panics(format in format(), header in text(), body in text(), url in text(), value in text()) {
        let components = json!([{"type": "HEADER", "text": header}, {"type": "BODY", "text": body},
            {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "x", "url": url}]}]);
        let t = template(format, components.clone());
        let mut given = all_that_is_needed(&t);
        given.parameters = t.parameters().into_iter().map(|key| (key, value.clone())).collect();
        if let Ok(filled) = t.fill(given) {
            t.preview(&filled);
        }
        let _ = submission("UTILITY", "en", components).check();
    }

    #[test]
    fn a_checked_template_takes_its_own_examples(
        above in any::<bool>(), body in sound_text(), names in any::<bool>(), value in "\\PC{1,80}",
    ) {
        let header = match (above, names) {
            (true, true) => "Hi {{b}}!",
            (true, false) => "Hi {{1}}!",
            (false, _) => "Hi!",
        };
        let body = if names { body.replace("{{1}}", "{{a_1}}").replace("{{2}}", "{{b}}") } else { body };
        let params: Vec<Value> = crate::template::variables::variables(&body)
            .iter()
            .map(|name| json!({"param_name": name, "example": value}))
            .collect();
        let values = vec![value.as_str(); params.len()];
        let given = json!({"body_text": [values], "body_text_named_params": params});
        for example in [given, json!(null)] {
            let components = json!([{"type": "HEADER", "text": header},
                {"type": "BODY", "text": body, "example": example}]);
            if let Ok(checked) = submission("UTILITY", "en", components).check() {
                let t = definition(checked);
                let filled = t.fill(all_that_is_needed(&t));
                prop_assert!(filled.is_ok(), "{filled:?}");
            }
        }
    }

    #[test]
    fn a_value_arrives_as_it_is(value in "\\PC{1,40}") {
        prop_assume!(!value.trim().is_empty() && !value.contains("     "));
        let t = super::named("a {{x}} b");
        let filled = t.fill(given(&[("x", &value)])).unwrap();
        prop_assert_eq!(filled.text, format!("a {value} b"));
    }
}

#[test]
fn languages_have_a_base() {
    let base = |code: &str| code.parse::<Language>().unwrap().base().to_owned();
    assert_eq!((base("en_US"), base("he")), ("en".to_owned(), "he".to_owned()));
}
