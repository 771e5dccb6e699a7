//! Passwords of people: set by an admin, changed by themselves, or given by whoever runs Bellhop.

use bellhop_domain::audit::AuditAction;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::{Right, StaffRole};
use bellhop_domain::{PropertyId, Secret, StaffId};

use super::change::{Facts, StaffChange, blank, by_email, insert, read_password, store};
use super::{find, lock, trail};
use crate::app::App;
use crate::audit::{self, Actor, Entry};
use crate::auth::{self, Caller, SignedIn, end_all};
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::property;

/// By which whoever runs Bellhop makes admins.
const COMMAND: Actor = Actor::Operator("create-admin");

/// An admin whom whoever runs Bellhop makes.
#[derive(Debug, Clone)]
pub struct FirstAdmin {
    pub name: String,
    pub email: String,
    pub password: Secret,
}

impl FirstAdmin {
    /// Whether it will be taken, before anything else is made for it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<()> {
        read_password("password", &self.password)?;
        self.facts().map(|_| ())
    }

    fn facts(&self) -> Result<Facts> {
        let (name, email) = (Some(self.name.clone()), Some(self.email.clone()));
        Facts::read(StaffChange { name, email, ..StaffChange::default() })
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminMade {
    New(StaffId),
    /// There was an account under this address: it is an admin's now, is in use, and has the new password.
    Restored(StaffId),
}

impl App {
    /// Gives a person a password, and ends their sessions.
    pub async fn set_password(&self, caller: &Caller, id: StaffId, password: &Secret) -> Result<()> {
        caller.require(Right::ManagePeople)?;
        // Whose account it is decides before the work of a hash.
        self.person_of(caller.property_id, id).await?;
        let hash = self.passwords.hash(&read_password("password", password)?).await?;
        let tx = self.db.begin().await?;
        let mut row = lock(&tx, caller.property_id, id).await?;
        row.password_hash = Some(hash);
        row.updated_at = self.now();
        let scope = Scope { property: row.property_id, at: row.updated_at };
        store(&tx, row).await?;
        end_all(&tx, id).await?;
        audit::record(&tx, scope, caller, Entry::of(AuditAction::PasswordSet, id)).await?;
        tx.commit().await?;
        tracing::info!(staff = %id, by = %caller.uuid(), "a password was set");
        Ok(())
    }

    /// Changes one's own password. All sessions end; the answer holds a new one.
    pub async fn change_own_password(
        &self,
        caller: &Caller,
        (current, new): (&Secret, &Secret),
    ) -> Result<SignedIn> {
        caller.require(Right::ManageOwnAccount)?;
        let Some(id) = caller.staff_id() else { return Err(Error::of(Problem::Forbidden)) };
        let new = read_password("password", new)?;
        // A stolen session is no way to try passwords.
        self.doors.try_account(&id.to_string(), None)?;
        let compared = self.compare_own(caller, (id, current)).await;
        // What was not compared was not wrong.
        let (before, fits) = compared.inspect_err(|_| self.doors.was_right(&id.to_string(), None))?;
        if !fits {
            return Err(Error::field("current_password", "is not your present password"));
        }
        self.doors.was_right(&id.to_string(), None);
        let hash = self.passwords.hash(&new).await?;
        let tx = self.db.begin().await?;
        let mut row = lock(&tx, caller.property_id, id).await?;
        if row.disabled_at.is_some() || row.password_hash != before {
            return Err(Error::of(Problem::Unauthenticated));
        }
        row.password_hash = Some(hash);
        row.updated_at = self.now();
        let row = store(&tx, row).await?;
        end_all(&tx, id).await?;
        let scope = Scope { property: row.property_id, at: row.updated_at };
        audit::record(&tx, scope, caller, Entry::of(AuditAction::PasswordChanged, id)).await?;
        let signed_in = auth::begin(&tx, row, self.now()).await?;
        tx.commit().await?;
        tracing::info!(staff = %id, "changed their password");
        Ok(signed_in)
    }

    /// The hash of a person's password, and whether this one fits.
    async fn compare_own(
        &self,
        caller: &Caller,
        (id, password): (StaffId, &Secret),
    ) -> Result<(Option<String>, bool)> {
        let row = find(caller.property_id, id).one(self.db.reader()).await?;
        let hash = row.and_then(|row| row.password_hash);
        let fits = self.passwords.compare(password, hash.iter().cloned().collect()).await?;
        Ok((hash, fits.contains(&true)))
    }

    /// Makes an admin, or gives one who is locked out a new password. For whoever can reach the database.
    pub async fn ensure_admin(&self, property: PropertyId, admin: FirstAdmin) -> Result<AdminMade> {
        property::load(self.db.reader(), property).await?;
        let facts = admin.facts()?;
        let hash = self.passwords.hash(&read_password("password", &admin.password)?).await?;
        let mut row = blank(property, StaffRole::Admin, self.now());
        facts.apply(&mut row);
        row.password_hash = Some(hash);
        let scope = Scope { property, at: row.updated_at };
        let tx = self.db.begin().await?;
        let Some(known) = by_email(&tx, property, &row.email_key).await? else {
            insert(&tx, &row).await?;
            audit::record(&tx, scope, COMMAND, trail::made(&row)).await?;
            tx.commit().await?;
            return Ok(AdminMade::New(row.id));
        };
        let known = lock(&tx, property, known.id).await?;
        row.id = known.id;
        row.departments = known.departments.clone();
        row.languages = known.languages.clone();
        row.created_at = known.created_at;
        let row = store(&tx, row).await?;
        audit::record(&tx, scope, COMMAND, trail::changed(&known, &row)).await?;
        audit::record(&tx, scope, COMMAND, Entry::of(AuditAction::PasswordSet, row.id)).await?;
        end_all(&tx, row.id).await?;
        tx.commit().await?;
        Ok(AdminMade::Restored(row.id))
    }
}
