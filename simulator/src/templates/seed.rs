//! The templates that are approved from the start: those the integration guides send, with the
//! parameters they send.

use serde_json::{Value, json};

use super::{Template, no_reason, seed_rich::rich, variables::variables};

/// Parameters by their example values.
pub(super) type Examples<'a> = &'a [(&'a str, &'a str)];

/// All seeded templates.
pub(crate) fn seeded() -> Vec<Template> {
    let mut templates = named();
    templates.extend(positional());
    // Behind those, so that the ids before them stay what they are.
    templates.extend(rich());
    for (template, n) in templates.iter_mut().zip(1_u64..) {
        template.id = (400_000_000_000_000 + n).to_string();
    }
    templates
}

fn named() -> Vec<Template> {
    vec![
        template(
            ("welcome_checkin", "en"),
            Some("Welcome"),
            "Dear {{guest_name}}, welcome to {{hotel_name}}! Your room {{room_number}} is ready from \
             {{checkin_time}}, and it is yours until {{checkout_date}}. Just write to us here whenever you \
             need something.",
            &[
                ("guest_name", "John Smith"),
                ("hotel_name", "Grand Plaza Hotel"),
                ("room_number", "205"),
                ("checkin_time", "3:00 PM"),
                ("checkout_date", "January 18, 2024"),
            ],
        ),
        template(
            ("service_confirmation", "en"),
            Some("Your booking is confirmed"),
            "We have booked {{service_type}} for you: {{appointment_time}}, at {{location}}. Please plan for \
             about {{estimated_duration}}. If the time does not suit you, answer this message.",
            &[
                ("service_type", "Spa Massage"),
                ("appointment_time", "Tomorrow at 2:00 PM"),
                ("location", "Wellness Center - Room 3"),
                ("estimated_duration", "90 minutes"),
            ],
        ),
        template(
            ("service_followup", "en"),
            None,
            "Hello {{guest_name}}, you asked us about {{service_type}}. Is everything as you wished? Answer \
             this message and we take care of the rest.",
            &[("guest_name", "John Smith"), ("service_type", "late checkout")],
        ),
        template(
            ("general_inquiry", "en"),
            None,
            "Hello {{guest_name}}, this is the front desk of {{hotel_name}}. We would like to get back to you \
             about your question. Answer this message and we continue here.",
            &[("guest_name", "John Smith"), ("hotel_name", "Grand Plaza Hotel")],
        ),
    ]
}

fn positional() -> Vec<Template> {
    let mut wedding = template(
        ("wedding_invitation", "he"),
        None,
        "שלום {{1}} 🤍\nהיום הגדול מתקרב! {{2}} ו-{{3}} מתחתנים ושמחים להזמין אתכם לחגוג איתם ✨\n\
         📍 האולם: {{4}}\n📅 התאריך: {{5}}\n🕒 השעה: {{6}}\nלאישור הגעה: {{7}}\nמחכים לראותכם 💞",
        &[
            ("1", "נועה"),
            ("2", "דוד"),
            ("3", "וורד"),
            ("4", "אולם כלות גן עדן"),
            ("5", "25/02"),
            ("6", "19:00"),
            ("7", "https://rsvp.example.com/abc"),
        ],
    );
    wedding.category = "MARKETING".to_owned();
    vec![
        wedding,
        template(
            ("appointment_reminder", "en_US"),
            None,
            "Hello {{1}}, this is a reminder of your appointment at {{2}} on {{3}}. See you then!",
            &[("1", "John Doe"), ("2", "3:00 PM"), ("3", "March 15")],
        ),
        template(
            ("hello_world", "en_US"),
            Some("Hello World"),
            "This message shows that the connection works. Nothing else needs to be done.",
            &[],
        ),
    ]
}

pub(super) fn template(
    (name, language): (&str, &str),
    header: Option<&str>,
    body: &str,
    examples: Examples<'_>,
) -> Template {
    debug_assert_eq!(variables(body), examples.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let named = examples.first().is_some_and(|(name, _)| name.parse::<u32>().is_err());
    let mut components = Vec::new();
    if let Some(header) = header {
        components.push(json!({"type": "HEADER", "format": "TEXT", "text": header}));
    }
    components.push(body_component(body, examples, named));
    Template {
        id: String::new(),
        name: name.to_owned(),
        language: language.to_owned(),
        status: "APPROVED".to_owned(),
        category: "UTILITY".to_owned(),
        parameter_format: if named { "NAMED" } else { "POSITIONAL" }.to_owned(),
        components,
        quality_score: json!({"score": "GREEN", "date": 1_700_000_000}),
        rejected_reason: no_reason(),
        previous_category: None,
        review_at: None,
        edited_at: Vec::new(),
    }
}

fn body_component(body: &str, examples: Examples<'_>, named: bool) -> Value {
    let mut component = json!({"type": "BODY", "text": body});
    if examples.is_empty() {
        return component;
    }
    component["example"] = if named {
        let params: Vec<Value> =
            examples.iter().map(|(name, example)| json!({"param_name": name, "example": example})).collect();
        json!({"body_text_named_params": params})
    } else {
        let values: Vec<&str> = examples.iter().map(|(_, example)| *example).collect();
        json!({"body_text": [values]})
    };
    component
}
