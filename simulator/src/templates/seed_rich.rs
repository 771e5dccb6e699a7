//! Seeded templates with more than a text: headers with media, footers, buttons, and other languages.

use serde_json::{Value, json};

use super::{Template, seed::template};

pub(super) fn rich() -> Vec<Template> {
    vec![
        room_key(),
        stay_extension(),
        invoice(),
        directions(),
        spa_offer(),
        welcome_in_hebrew(),
        welcome_in_arabic(),
        promo_video(),
    ]
}

fn media_header(format: &str) -> Value {
    json!({"type": "HEADER", "format": format, "example": {"header_handle": ["4::c2FtcGxl:ARsimulator"]}})
}

impl Template {
    fn headed(mut self, header: Value) -> Self {
        self.components.insert(0, header);
        self
    }

    fn with(mut self, component: Value) -> Self {
        self.components.push(component);
        self
    }

    fn marketing(mut self) -> Self {
        "MARKETING".clone_into(&mut self.category);
        self
    }
}

fn room_key() -> Template {
    template(
        ("room_key", "en"),
        None,
        "Hello {{guest_name}}, this is the key to your room {{room_number}}. Hold the picture in front of the \
         lock, and the door opens.",
        &[("guest_name", "John Smith"), ("room_number", "205")],
    )
    .headed(media_header("IMAGE"))
}

fn stay_extension() -> Template {
    let reply = |text: &str| json!({"type": "QUICK_REPLY", "text": text});
    template(
        ("stay_extension", "en"),
        None,
        "Dear {{guest_name}}, you leave us on {{checkout_date}}. Would you like to stay a little longer?",
        &[("guest_name", "John Smith"), ("checkout_date", "January 18")],
    )
    .with(json!({"type": "BUTTONS", "buttons": [
        reply("One more night"), reply("A few more nights"), reply("No, thank you"),
    ]}))
}

fn invoice() -> Template {
    template(
        ("invoice", "en"),
        None,
        "Dear {{guest_name}}, thank you for staying with us. Your invoice over {{total}} is attached.",
        &[("guest_name", "John Smith"), ("total", "$420.00")],
    )
    .headed(media_header("DOCUMENT"))
    .with(json!({"type": "BUTTONS", "buttons": [
        {
            "type": "URL",
            "text": "Open the invoice",
            "url": "https://grandplaza.example/invoices/{{1}}",
            "example": ["https://grandplaza.example/invoices/2024-0117"],
        },
        {"type": "PHONE_NUMBER", "text": "Call the front desk", "phone_number": "+15550100001"},
    ]}))
}

fn directions() -> Template {
    template(
        ("directions", "en"),
        None,
        "Dear {{guest_name}}, this is where you find us. We look forward to your visit.",
        &[("guest_name", "John Smith")],
    )
    .headed(json!({"type": "HEADER", "format": "LOCATION"}))
}

fn spa_offer() -> Template {
    template(
        ("spa_offer", "en"),
        None,
        "Hello {{guest_name}}, this week every treatment in our spa is {{discount}} less. Show the code below \
         when you book.",
        &[("guest_name", "John Smith"), ("discount", "20%")],
    )
    .with(json!({"type": "FOOTER", "text": "Answer STOP to get no more offers"}))
    .with(json!({"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": "SPA20"}]}))
    .marketing()
}

fn welcome_in_hebrew() -> Template {
    template(
        ("welcome_checkin", "he"),
        Some("ברוכים הבאים"),
        "שלום {{guest_name}}, ברוכים הבאים אל {{hotel_name}}! חדר {{room_number}} יחכה לכם החל מהשעה \
         {{checkin_time}}, והוא שלכם עד {{checkout_date}}. לכל בקשה אפשר פשוט לכתוב לנו כאן.",
        &[
            ("guest_name", "נועה כהן"),
            ("hotel_name", "מלון גרנד פלזה"),
            ("room_number", "205"),
            ("checkin_time", "15:00"),
            ("checkout_date", "18 בינואר"),
        ],
    )
}

fn welcome_in_arabic() -> Template {
    template(
        ("welcome_checkin", "ar"),
        Some("أهلًا وسهلًا"),
        "مرحبًا {{guest_name}}، أهلًا بكم في {{hotel_name}}! غرفتكم رقم {{room_number}} جاهزة ابتداءً من الساعة \
         {{checkin_time}}، وهي لكم حتى {{checkout_date}}. لأي طلب، يكفي أن تكتبوا لنا هنا.",
        &[
            ("guest_name", "ليلى حداد"),
            ("hotel_name", "فندق غراند بلازا"),
            ("room_number", "205"),
            ("checkin_time", "15:00"),
            ("checkout_date", "18 يناير"),
        ],
    )
}

fn promo_video() -> Template {
    template(
        ("promo_video", "en"),
        None,
        "The new rooftop pool is open, and we would love to show it to you. Press play, and see you soon!",
        &[],
    )
    .headed(media_header("VIDEO"))
    .marketing()
}
