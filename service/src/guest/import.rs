//! Guests that a file brings, with the proof that they want to be written to.

mod opt_in;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bellhop_domain::audit::AuditAction;
use bellhop_domain::consent::ConsentState;
use bellhop_domain::content::Wrong;
use bellhop_domain::guest::Identifier;
use bellhop_domain::profile::{Fact, Profile};
use bellhop_domain::rights::Right;
use bellhop_domain::{Country, GuestId, PhoneNumber};
use bellhop_entity::guest;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sea_orm::{DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use serde_json::json;

use self::opt_in::OptIn;
use super::change::stored;
use super::{facts, many};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::consent::{self, Said};
use crate::error::{Error, Result, shorten};
use crate::event::Scope;
use crate::property;
use crate::rows::{Rows, among};

/// Lines that go in together, in one transaction.
pub const PART: usize = 500;

/// The most refused lines that are told; the count goes on.
const REFUSALS_MAX: usize = 1000;

/// A line of a file as it stands there. Blank cells say nothing.
#[derive(Debug, Clone, Default)]
pub struct ImportLine {
    /// Counted from 1, as editors do.
    pub number: i32,
    pub phone: Option<String>,
    pub bsuid: Option<String>,
    pub facts: Vec<(Fact, String)>,
    pub opt_in: OptInLine,
    /// The first cell that cannot be taken as it is: its column, and why.
    pub unusable: Option<(&'static str, String)>,
}

/// What a line says of an opt-in.
#[derive(Debug, Clone, Default)]
pub struct OptInLine {
    /// `marketing`, `service` or `both`.
    pub kinds: Option<String>,
    pub at: Option<String>,
    pub source: Option<String>,
    pub evidence: Option<String>,
}

/// Why a line was not taken. Nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRefusal {
    pub line: i32,
    pub field: String,
    pub reason: String,
}

/// What became of a file.
#[derive(Debug, Clone, Default)]
pub struct ImportReport {
    /// Without the header.
    pub lines: usize,
    pub refused: usize,
    /// Guests whom nobody had met.
    pub created: usize,
    /// Guests of whom an import had not said the same before, new ones with something known included.
    pub changed: usize,
    /// Lines that prove an opt-in.
    pub opt_ins: usize,
    /// The first 1,000, in the order of the file.
    pub refusals: Vec<ImportRefusal>,
}

/// A file that is being taken in, part by part. What went in stays, whatever becomes of the rest: the same
/// file again changes nothing more.
pub struct Import {
    app: App,
    caller: Caller,
    home: Option<Country>,
    zone: Tz,
    report: ImportReport,
}

/// A line that was read.
struct Read {
    who: Identifier,
    said: Profile,
    opt_in: Option<OptIn>,
}

impl App {
    pub async fn import_guests(&self, caller: &Caller) -> Result<Import> {
        caller.require(Right::ImportGuests)?;
        let property = property::load(self.db.reader(), caller.property_id).await?;
        let (home, zone) = (property::home(&property), property::zone(&property));
        Ok(Import { app: self.clone(), caller: *caller, home, zone, report: ImportReport::default() })
    }
}

impl Import {
    /// Takes lines in. Of two about one guest, the later one counts where both say something.
    pub async fn take(&mut self, lines: Vec<ImportLine>) -> Result<()> {
        let scope = Scope { property: self.caller.property_id, at: self.app.now() };
        let mut taken = Vec::with_capacity(lines.len());
        let (mut refusals, count) = (Vec::new(), lines.len());
        for line in lines {
            let number = line.number;
            match line.read(scope.at, (self.home, self.zone)) {
                Ok(read) => taken.push(read),
                Err(Wrong { field, reason }) => refusals.push(ImportRefusal { line: number, field, reason }),
            }
        }
        if !taken.is_empty() {
            self.store(scope, taken).await?;
        }
        self.report.lines += count;
        self.report.refused += refusals.len();
        let room = REFUSALS_MAX.saturating_sub(self.report.refusals.len());
        self.report.refusals.extend(refusals.into_iter().take(room));
        Ok(())
    }

    async fn store(&mut self, scope: Scope, taken: Vec<Read>) -> Result<()> {
        let named: BTreeMap<_, _> =
            taken.iter().map(|line| (many::key(&line.who), line.who.clone())).collect();
        let named = self.app.guests_named(scope, named).await?;
        let tx = self.app.db.begin().await?;
        let present = many::lock(&tx, scope, named.guests.values().copied().collect()).await?;
        let guest_of = |line: &Read| {
            let guest = named.guests.get(&many::key(&line.who)).and_then(|id| present.get(id));
            guest.copied().ok_or_else(|| Error::not_found("guest"))
        };
        let mut told = Vec::with_capacity(taken.len());
        for line in taken {
            told.push((guest_of(&line)?, line));
        }
        let changed = store_facts(&tx, scope, &told).await?;
        let (mut opt_ins, mut new) = (0, 0);
        for (guest, line) in told {
            if let Some(opt_in) = line.opt_in {
                new += record_opt_in(&tx, scope, (guest, &self.caller), opt_in).await?;
                opt_ins += 1;
            }
        }
        if named.made + changed + new > 0 {
            // Each part has its own: what went in stays, also when the next one never comes.
            let details = json!({"created": named.made, "changed": changed, "opt_ins": new});
            let entry = Entry::of(AuditAction::GuestsImported, self.caller.property_id).made(details);
            audit::record(&tx, scope, &self.caller, entry).await?;
        }
        tx.commit().await?;
        self.report.created += named.made;
        self.report.changed += changed;
        self.report.opt_ins += opt_ins;
        Ok(())
    }

    /// What became of the lines so far.
    pub fn report(self) -> ImportReport {
        self.report
    }
}

/// Stores what lines say of locked guests. Returns of how many something new is said.
async fn store_facts(tx: &DatabaseTransaction, scope: Scope, lines: &[(GuestId, Read)]) -> Result<usize> {
    let rows: Vec<(GuestId, Option<Profile>)> = guest::Entity::find()
        .select_only()
        .columns([guest::Column::Id, guest::Column::Import])
        .filter(among(tx, guest::Column::Id, lines.iter().map(|(guest, _)| *guest)))
        .into_tuple()
        .all(tx)
        .await?;
    let before: HashMap<GuestId, Profile> =
        rows.into_iter().map(|(id, said)| (id, said.unwrap_or_default())).collect();
    let mut now: BTreeMap<GuestId, Profile> = BTreeMap::new();
    for (guest, line) in lines {
        let said = now.entry(*guest).or_insert_with(|| before.get(guest).cloned().unwrap_or_default());
        *said = line.said.clone().or(said);
    }
    // All at once and first: what follows locks some of them again.
    let proven = lines.iter().filter(|(_, line)| line.opt_in.is_some()).map(|(guest, _)| *guest);
    let touched: BTreeSet<GuestId> = now
        .iter()
        .filter(|(id, said)| before.get(id) != Some(said))
        .map(|(id, _)| *id)
        .chain(proven)
        .collect();
    consent::lock_conversations(tx, &touched.into_iter().collect::<Vec<_>>()).await?;
    now.retain(|id, said| before.get(id) != Some(said));
    let ids: Vec<GuestId> = now.keys().copied().collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let json = |said| stored(said).and_then(|said| serde_json::to_value(said).ok()).map(Box::new);
    let rows = now.into_iter().map(|(id, said)| [id.into(), sea_orm::Value::Json(json(said))]);
    let rows = Rows::new([("gid", "uuid"), ("said", "jsonb")], rows);
    rows.run(tx, "UPDATE guests SET import = v.said FROM v WHERE guests.id = v.gid", []).await?;
    facts::refresh(tx, scope, &ids).await?;
    Ok(ids.len())
}

/// Writes an opt-in down with its proof. The same one again adds nothing. How much is new.
async fn record_opt_in(
    tx: &DatabaseTransaction,
    scope: Scope,
    (guest, caller): (GuestId, &Caller),
    opt_in: OptIn,
) -> Result<usize> {
    let mut new = 0;
    for kind in opt_in.kinds {
        let said = Said {
            kind: *kind,
            state: ConsentState::OptedIn,
            source: opt_in.source,
            at: Some(opt_in.at),
            evidence: Some(opt_in.evidence.clone()),
            message_id: None,
            staff_member_id: caller.staff_id().map(|id| id.to_string()),
            token_id: caller.token_id(),
        };
        new += usize::from(consent::record(tx, scope, guest, said).await?);
    }
    Ok(new)
}

impl ImportLine {
    fn read(self, now: DateTime<Utc>, (home, zone): (Option<Country>, Tz)) -> Result<Read, Wrong> {
        if let Some((column, reason)) = self.unusable {
            return Err(Wrong::new(column, reason));
        }
        let who = match (self.phone, self.bsuid) {
            (Some(phone), None) => {
                let number = PhoneNumber::parse(&phone, home);
                Identifier::Phone(
                    number.map_err(|error| {
                        Wrong::new("phone", format_args!("\"{}\": {error}", shorten(&phone)))
                    })?,
                )
            }
            (None, Some(bsuid)) => {
                Identifier::read_bsuid(&bsuid).map_err(|error| Wrong::new("bsuid", error))?
            }
            (None, None) => return Err(Wrong::new("phone", "is required, unless bsuid is given")),
            (Some(_), Some(_)) => return Err(Wrong::new("bsuid", "name the phone or the BSUID, not both")),
        };
        let mut said = Profile::default();
        for (fact, text) in self.facts {
            said.set(fact, fact.read(&text)?);
        }
        Ok(Read { who, said, opt_in: self.opt_in.read(now, zone)? })
    }
}
