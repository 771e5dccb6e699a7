//! Whether a send is accepted, and what follows from it.

use std::{
    sync::{Arc, atomic::AtomicU8},
    time::{Duration, Instant},
};

use rand::seq::SliceRandom;
use serde_json::{Map, Value, value::to_raw_value};

use super::{
    GraphError,
    content::{Content, Scene},
};
use crate::{
    clock::system_ms,
    core::Core,
    faults::Faults,
    guests::{Profile, digits, is_bsuid},
    queue::{Event, Owner},
    restore::tag,
    state::{GuestId, Planned, Sent, State, Status},
    wamid::{Author, mint},
};

const OPAQUE_LIMIT: usize = 512;

/// What the answer to an accepted send is made of.
pub(super) struct Accepted {
    pub id: String,
    pub input: String,
    /// None: it was addressed by BSUID.
    pub wa_id: Option<String>,
    pub template: bool,
    pub latency: Duration,
    pub never_answer: bool,
    pub close: bool,
}

/// Whom a send is for, as it says it.
enum Recipient {
    Phone { input: String, digits: String },
    UserId(String),
}

impl Recipient {
    /// `to` wins when both are there.
    fn parse(body: &Map<String, Value>) -> Result<Self, GraphError> {
        let text = |key: &str| match body.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        if let Some(input) = text("to") {
            return match digits(&input) {
                Some(digits) => Ok(Self::Phone { input, digits }),
                None => Err(GraphError::new(100, "Parameter 'to' is not a phone number")),
            };
        }
        match text("recipient") {
            Some(id) if is_bsuid(&id) => Ok(Self::UserId(id)),
            Some(_) => Err(GraphError::new(100, "Parameter 'recipient' is not a business-scoped user ID")),
            None => Err(GraphError::missing("to")),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Phone { digits, .. } => digits,
            Self::UserId(id) => id,
        }
    }

    fn guest(&self, core: &Core, state: &mut State) -> Result<GuestId, GraphError> {
        if let Some(id) = state.find_guest(self.name()) {
            return Ok(id);
        }
        match self {
            Self::UserId(_) => {
                Err(GraphError::new(131_026, "Message undeliverable: nobody has this user ID"))
            }
            Self::Phone { digits, .. } if state.left_names.contains(digits) => {
                Err(GraphError::new(131_026, "Message undeliverable: the recipient is not on WhatsApp."))
            }
            Self::Phone { digits, .. } => {
                let profile = Profile {
                    phone: Some(digits.clone()),
                    bsuid: Some(state.fresh_bsuid(&core.account.waba_id, digits)),
                    on_whatsapp: true,
                    ..Profile::default()
                };
                let id = state.guests.len();
                core.record(tag::GUEST, &(id, &profile));
                state.put_guest(id, profile);
                Ok(id)
            }
        }
    }
}

/// Checks a send and puts it into the ledger. Order: what is wrong with the request itself, then the
/// recipient, then the window, then the limits, which count accepted messages only.
pub(super) fn accept(core: &Arc<Core>, body: Map<String, Value>) -> Result<Accepted, GraphError> {
    let recipient = Recipient::parse(&body)?;
    let mut state = core.state();
    let state = &mut *state;
    refuse_by_fault(state, &recipient)?;
    if recipient.name() == core.account.display_phone_number {
        return Err(GraphError::new(131_021, ""));
    }
    if !state.profile.registered {
        return Err(GraphError::new(133_010, ""));
    }
    let now = core.clock.now_ms();
    let scene = Scene { state, guest: state.find_guest(recipient.name()), now };
    let content = Content::parse(&scene, &body)?;
    let opaque = opaque(&body)?;
    let payload = to_raw_value(&body).map_err(|_| GraphError::new(131_000, ""))?;
    let guest = recipient.guest(core, state)?;
    let in_window = check_guest(state, guest, &content, now)?;
    check_limits(state, guest, now)?;

    let profile = &state.guests[guest].profile;
    let id = mint(Author::Business, profile.peer());
    let wa_id = match &recipient {
        Recipient::Phone { .. } => profile.any_wa_id().map(str::to_owned),
        Recipient::UserId(_) => None,
    };
    let own = Fate::of(profile, &content);
    let names: Vec<&str> = profile.phone.iter().chain(&profile.bsuid).map(String::as_str).collect();
    let fate = state.faults.take_fail_status(&names).map_or(own, Fate::Fails);
    let plan = plan(&state.faults, fate, now);
    let sent = state.add_sent(Sent {
        id: id.clone(),
        guest,
        to: recipient.name().to_owned(),
        kind: content.kind.to_owned(),
        pricing: content.pricing(in_window),
        text: content.text,
        shown: content.shown,
        payload,
        opaque,
        accepted_at: now,
        plan,
        unseen: own.is_unseen(),
        told: AtomicU8::new(0),
    });
    core.record(tag::SENT, sent.as_ref());
    follow(core, state, &sent);
    let faults = &mut state.faults;
    let input = match recipient {
        Recipient::Phone { input, .. } => input,
        Recipient::UserId(id) => id,
    };
    Ok(Accepted {
        id,
        input,
        wa_id,
        template: content.template_category.is_some(),
        latency: Duration::from_millis(faults.latency_ms),
        never_answer: faults.take_never_answer(),
        close: faults.take_close(),
    })
}

/// What an accepted message brings about: its statuses, and that nobody types any more.
fn follow(core: &Arc<Core>, state: &mut State, sent: &Arc<Sent>) {
    for (place, planned) in sent.plan.iter().enumerate() {
        core.queue(state, Owner::Guest(sent.guest), planned.due, Event::Status(sent.clone(), place));
    }
    if let Some(guest) = state.guests.get_mut(sent.guest) {
        guest.typing_until = None;
    }
}

fn refuse_by_fault(state: &mut State, recipient: &Recipient) -> Result<(), GraphError> {
    let known = state.find_guest(recipient.name()).and_then(|id| state.guests.get(id));
    let mut names = vec![recipient.name().to_owned()];
    names.extend(
        known
            .into_iter()
            .flat_map(|guest| [guest.profile.phone.clone(), guest.profile.bsuid.clone()])
            .flatten(),
    );
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match state.faults.take_send_error(&names) {
        Some(code) => Err(GraphError::new(code, "")),
        None => Ok(()),
    }
}

fn opaque(body: &Map<String, Value>) -> Result<Option<String>, GraphError> {
    match body.get("biz_opaque_callback_data") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= OPAQUE_LIMIT => Ok(Some(text.clone())),
        Some(_) => Err(GraphError::new(
            100,
            format!("Param biz_opaque_callback_data must be a string of at most {OPAQUE_LIMIT} characters"),
        )),
    }
}

/// Whether the guest can get this now. Answers whether the window is open.
fn check_guest(state: &State, guest: GuestId, content: &Content, now: i64) -> Result<bool, GraphError> {
    let Some(guest) = state.guests.get(guest) else { return Err(GraphError::new(131_000, "")) };
    if !guest.profile.on_whatsapp {
        return Err(GraphError::new(131_026, "Message undeliverable: the recipient is not on WhatsApp."));
    }
    let in_window = guest.window_open(now);
    if !in_window && content.template_category.is_none() {
        return Err(GraphError::new(131_047, ""));
    }
    Ok(in_window)
}

fn check_limits(state: &mut State, guest: GuestId, now: i64) -> Result<(), GraphError> {
    let settings = state.number;
    if !state.second.admit(settings.throughput, Instant::now()) {
        return Err(GraphError::new(130_429, ""));
    }
    let Some(guest) = state.guests.get_mut(guest) else { return Ok(()) };
    if settings.pair_limit && !guest.pair.admit(now) {
        if settings.throughput.is_some() {
            state.second.give_back();
        }
        return Err(GraphError::new(131_056, ""));
    }
    Ok(())
}

/// What becomes of an accepted message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// A reaction is told as sent, and nothing more.
    Reaction,
    /// The guest has blocked the business: Meta tells nobody, and `sent` is the last that is heard.
    Blocked,
    /// This code comes by webhook instead of `sent`.
    Fails(i64),
}

impl Fate {
    fn of(guest: &Profile, content: &Content) -> Self {
        if guest.blocks_business {
            Self::Blocked
        } else if guest.stopped_marketing && content.is_marketing() {
            Self::Fails(131_050)
        } else if content.is_reaction() {
            Self::Reaction
        } else {
            Self::Arrives
        }
    }

    /// Whether the guest's phone never shows the message.
    fn is_unseen(self) -> bool {
        match self {
            Self::Arrives | Self::Reaction => false,
            Self::Blocked | Self::Fails(_) => true,
        }
    }
}

/// The statuses that the message will reach, and when their webhooks go out.
fn plan(faults: &Faults, fate: Fate, now: i64) -> Vec<Planned> {
    let delays = faults.status_delay_ms.unwrap_or_default();
    let sent = (Status::Sent, delays.sent);
    let (steps, failure) = match fate {
        Fate::Fails(code) => (vec![(Status::Failed, delays.sent)], Some(code)),
        Fate::Reaction | Fate::Blocked => (vec![sent], None),
        Fate::Arrives if faults.webhooks.skip_delivered => (vec![sent, (Status::Read, delays.read)], None),
        Fate::Arrives => {
            (vec![sent, (Status::Delivered, delays.delivered), (Status::Read, delays.read)], None)
        }
    };
    let machine = system_ms();
    let after = |start: i64, delay: u64| start.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX));
    let mut planned: Vec<Planned> = steps
        .iter()
        .map(|(status, delay)| Planned {
            status: *status,
            at: after(now, *delay),
            due: after(machine, *delay),
            error: failure,
        })
        .collect();
    if faults.webhooks.reorder && planned.len() > 1 {
        shuffle(&mut planned);
    }
    planned
}

/// Hands the delivery times out anew, so that the last status always comes before the first.
fn shuffle(planned: &mut [Planned]) {
    let times: Vec<i64> = planned.iter().map(|one| one.due).collect();
    let mut random = rand::rng();
    let place = |planned: &[Planned], status: Status| planned.iter().position(|one| one.status == status);
    while place(planned, Status::Sent) < place(planned, Status::Read) {
        planned.shuffle(&mut random);
    }
    for (one, due) in planned.iter_mut().zip(times) {
        one.due = due;
    }
}
