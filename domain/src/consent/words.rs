//! Words by which guests stop marketing, in their own language.
//!
//! Only a message that is nothing else counts: "stop", and not "stop by at 5". Words that a guest of a hotel
//! says about something else, such as `cancel`, `end` or `quit`, are left out, although the operators of short
//! messages know them. There are no words that start it again: consent is not to be given by mistake.

use std::collections::BTreeSet;

use crate::content::{Content, ReplyKind};

/// By language. `Stop promotions` and its translations are the label of Meta's own opt-out button.
const BUILT_IN: &[(&str, &[&str])] = &[
    (
        "en",
        &[
            "stop",
            "stop all",
            "stopall",
            "unsubscribe",
            "unsubscribe me",
            "opt out",
            "optout",
            "stop promotions",
            "stop marketing",
            "stop messages",
            "stop ads",
            "remove me",
            "no more messages",
            "no more marketing",
        ],
    ),
    (
        "he",
        &["הסר", "הסרה", "הסירו", "הסר אותי", "הסירו אותי", "עצור", "הפסק", "הפסיקו", "סטופ", "הפסק מבצעים"],
    ),
    (
        "ar",
        &["توقف", "إيقاف", "أوقف", "قف", "ستوب", "إلغاء الاشتراك", "الغاء الاشتراك", "إيقاف العروض الترويجية"],
    ),
    (
        "es",
        &[
            "baja",
            "dar de baja",
            "darme de baja",
            "parar",
            "detener",
            "cancelar suscripción",
            "no más mensajes",
            "detener promociones",
        ],
    ),
    (
        "pt",
        &[
            "parar",
            "pare",
            "descadastrar",
            "cancelar inscrição",
            "cancelar subscrição",
            "parar promoções",
            "interromper promoções",
        ],
    ),
    (
        "fr",
        &[
            "arrêt",
            "arrêter",
            "arrêtez",
            "désabonner",
            "me désabonner",
            "se désabonner",
            "désinscrire",
            "désinscription",
            "stop pub",
            "arrêter les promotions",
        ],
    ),
    (
        "de",
        &[
            "stopp",
            "abmelden",
            "abbestellen",
            "austragen",
            "keine werbung",
            "keine werbung mehr",
            "werbung stoppen",
        ],
    ),
    ("it", &["disiscrivi", "disiscrivimi", "cancellami", "annulla iscrizione", "interrompi promozioni"]),
    ("nl", &["afmelden", "uitschrijven", "stop reclame"]),
    (
        "ru",
        &["стоп", "отписаться", "отписка", "отпишите меня", "отказаться от рассылки", "остановить рассылку"],
    ),
    ("uk", &["відписатися", "відписка"]),
    ("pl", &["wypisz", "wypisz mnie", "rezygnacja z subskrypcji"]),
    ("cs", &["odhlásit", "odhlásit odběr"]),
    ("ro", &["dezabonare", "dezabonează-mă"]),
    ("hu", &["leiratkozás", "leiratkozom"]),
    ("el", &["στοπ", "διακοπή", "απεγγραφή"]),
    ("tr", &["durdur", "abonelikten çık", "reklam istemiyorum"]),
    ("sv", &["avregistrera", "avsluta prenumeration"]),
    ("da", &["afmeld", "frameld"]),
    ("nb", &["avmeld", "meld meg av"]),
    ("fi", &["lopeta", "peruuta tilaus"]),
    ("hi", &["रोकें", "बंद करें", "बंद करो", "स्टॉप"]),
    ("th", &["หยุด", "ยกเลิกการรับข่าวสาร"]),
    ("vi", &["dừng", "hủy đăng ký", "từ chối"]),
    ("id", &["berhenti", "berhenti berlangganan"]),
    ("zh", &["停止", "退订", "退訂", "取消订阅", "取消訂閱", "拒收"]),
    ("ja", &["停止", "配信停止", "配信解除", "登録解除", "ストップ"]),
    ("ko", &["중지", "그만", "수신거부", "수신 거부"]),
];

/// The words that stop marketing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopWords(BTreeSet<String>);

impl Default for StopWords {
    /// Those of every language that is known here: a guest's own may be another than the one that the hotel
    /// has on file.
    fn default() -> Self {
        Self::none().and(BUILT_IN.iter().flat_map(|(_, words)| *words).copied())
    }
}

impl StopWords {
    /// Words separated by commas. With a `+` before the first they are added to the built-in ones, else they
    /// take their place. `None` when one of them has no letter and no digit.
    pub fn parse(setting: &str) -> Option<Self> {
        let (known, given) = match setting.trim().strip_prefix('+') {
            Some(more) => (Self::default(), more),
            None => (Self::none(), setting),
        };
        let mut words = given.split(',');
        let good = words.clone().all(|word| !plain(word).is_empty());
        good.then(|| known.and(&mut words))
    }

    fn none() -> Self {
        Self(BTreeSet::new())
    }

    fn and<'a>(mut self, words: impl Iterator<Item = &'a str>) -> Self {
        self.0.extend(words.map(plain));
        self
    }

    /// Whether a guest's message says one of them and nothing else.
    pub fn are_in(&self, content: &Content) -> bool {
        match content {
            Content::Text(text) => self.is_said(&text.text),
            // The id too: a hotel may name its own button otherwise.
            Content::Reply(reply) => match reply.reply_type {
                ReplyKind::Button | ReplyKind::List | ReplyKind::TemplateButton => {
                    self.is_said(&reply.title) || reply.id.as_ref().is_some_and(|id| self.is_said(id))
                }
                ReplyKind::Flow => false,
            },
            Content::Template(_)
            | Content::Image(_)
            | Content::Video(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::Sticker(_)
            | Content::Location(_)
            | Content::Contacts(_)
            | Content::Interactive(_)
            | Content::Reaction(_)
            | Content::Order(_)
            | Content::Notice(_)
            | Content::Unsupported(_) => false,
        }
    }

    /// Whether the whole text is one of them, whatever its case, accents, punctuation and emoji.
    pub fn is_said(&self, text: &str) -> bool {
        // Nobody says stop in more than this, and people do send novels.
        text.len() <= 400 && self.0.contains(&plain(text))
    }
}

/// Letters and digits, in small letters without accents, with one space where anything else was.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars().flat_map(unmarked).flat_map(char::to_lowercase).filter_map(unaccented) {
        if !c.is_alphanumeric() {
            gap = true;
            continue;
        }
        if gap && !plain.is_empty() {
            plain.push(' ');
        }
        gap = false;
        plain.push(c);
    }
    plain
}

/// Leaves out what is not seen as a letter of its own: marks above and below, vowel points, the Arabic
/// stretch, directions and joiners. Letters of full width, as Japanese keyboards write them, become plain.
fn unmarked(c: char) -> Option<char> {
    match c {
        '\u{300}'..='\u{36F}'
        | '\u{591}'..='\u{5C7}'
        | '\u{640}'
        | '\u{64B}'..='\u{65F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' => None,
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0),
        other => Some(other),
    }
}

/// The letter under its accent, for those in the words above and their like: people leave them out.
fn unaccented(c: char) -> Option<char> {
    let plain = match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' | 'ạ' | 'ả' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' | 'ố' => 'o',
        'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ș' => 's',
        'ť' | 'ţ' | 'ț' => 't',
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' | 'ừ' | 'ủ' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ž' | 'ż' => 'z',
        'ё' => 'е',
        'ά' => 'α',
        'έ' => 'ε',
        'ή' => 'η',
        'ί' => 'ι',
        'ό' => 'ο',
        'ύ' => 'υ',
        'ώ' => 'ω',
        'أ' | 'إ' | 'آ' => 'ا',
        // The dot that a lower-cased İ leaves behind.
        '\u{307}' => return None,
        other => other,
    };
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_heard_however_it_is_written() {
        let words = StopWords::default();
        for (language, list) in BUILT_IN {
            assert!(!list.is_empty());
            for word in *list {
                let shouted = word.to_uppercase();
                for said in [
                    (*word).to_owned(),
                    shouted.clone(),
                    format!("  {word}. "),
                    format!("🛑 {shouted}!!! 🙏🏽"),
                    format!("\u{200F}\"{word}\"\u{200E}\n"),
                ] {
                    assert!(words.is_said(&said), "{language}: {said:?}");
                }
            }
        }
    }

    #[test]
    fn it_is_heard_without_its_accents_and_in_wide_letters() {
        let words = StopWords::default();
        for said in [
            "ARRETER",
            "Desabonner",
            "no mas mensajes",
            "cancelar inscricao",
            "ＳＴＯＰ",
            "opt-out",
            "OPT OUT.",
            "arre\u{302}ter",
            "s\u{200B}top",
            "الغاء الاشتراك",
            "إيقـاف",
            "δι\u{3b1}κοπη",
            "huy dang ky",
        ] {
            assert!(words.is_said(said), "{said}");
        }
    }

    #[test]
    fn what_only_has_the_word_in_it_is_not() {
        let words = StopWords::default();
        for said in [
            "stop by at 5",
            "Please stop by at 5",
            "bus stop",
            "nonstop",
            "stops",
            "don't stop",
            "st op",
            "stop?no",
            "Can you stop the noise next door",
            "cancel",
            "cancel my booking",
            "end",
            "quit",
            "remove",
            "start",
            "yes",
            "no",
            "",
            "   ",
            "🛑",
            "...",
            "baja la persiana",
            "停止中",
            "הסר את המגבות",
        ] {
            assert!(!words.is_said(said), "{said}");
        }
        assert!(!words.is_said(&format!("stop{}", "!".repeat(1_000))));
    }

    #[test]
    fn a_tap_says_what_the_button_says() {
        let words = StopWords::default();
        let tap = |kind: &str, id: &str, title: &str| -> Content {
            let reply = serde_json::json!({"type": "reply", "reply_type": kind, "id": id, "title": title});
            serde_json::from_value(reply).unwrap()
        };
        for stop in [
            tap("template_button", "Stop promotions", "Stop promotions"),
            tap("template_button", "7", "Stop promotions"),
            tap("template_button", "STOP", "No, thank you"),
            tap("button", "stop", "Lass mich"),
            tap("list", "x", "Opt out"),
        ] {
            assert!(words.are_in(&stop), "{stop:?}");
        }
        assert!(!words.are_in(&tap("template_button", "spa", "Stop by")));
        assert!(!words.are_in(&tap("flow", "stop", "stop")));
    }

    #[test]
    fn the_setting_adds_or_replaces() {
        let added = StopWords::parse(" + genug , Sluta nu").unwrap();
        assert!(["STOP", "genug!", "sluta NU"].iter().all(|word| added.is_said(word)));
        let replaced = StopWords::parse("genug").unwrap();
        assert!(replaced.is_said("Genug") && !replaced.is_said("stop"));
        for bad in ["genug,,", "+", "!", "a, ?"] {
            assert_eq!(StopWords::parse(bad), None, "{bad}");
        }
    }
}
