//! Reviews: a template that was created or edited is decided upon a little later.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Template, status_news};
use crate::{clock::system_ms, core::Core, restore::tag, state::State};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reviews {
    /// On the machine's clock: a moved clock must not decide everything at once.
    pub delay_ms: u64,
}

impl Default for Reviews {
    fn default() -> Self {
        Self { delay_ms: 1_000 }
    }
}

/// Puts a template into the review. Its name says how that ends.
pub(crate) fn submit(core: &Arc<Core>, state: &mut State, mut template: Template) {
    "PENDING".clone_into(&mut template.status);
    "NONE".clone_into(&mut template.rejected_reason);
    let delay = i64::try_from(state.reviews.delay_ms).unwrap_or(i64::MAX);
    template.review_at = (!template.name.contains("wait")).then(|| system_ms().saturating_add(delay));
    core.record(tag::TEMPLATE, &template);
    start(core, &template);
    state.put_template(template);
}

/// Goes on with the reviews that a restart has interrupted.
pub(crate) fn start_reviews(core: &Arc<Core>, state: &State) {
    for template in &state.templates {
        start(core, template);
    }
}

fn start(core: &Arc<Core>, template: &Template) {
    let Some(at) = template.review_at else { return };
    // A simulator that was opened but is not served yet has no runtime: serving it starts these.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let (core, id) = (core.clone(), template.id.clone());
    runtime.spawn(async move {
        let wait = u64::try_from(at.saturating_sub(system_ms())).unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(wait)) => decide(&core, &id, at),
            () = core.shutdown.cancelled() => {}
        }
    });
}

/// Ends the review that was to end at this time, if it is still on.
fn decide(core: &Arc<Core>, id: &str, at: i64) {
    {
        let mut state = core.state();
        let found = state.templates.iter().find(|one| one.id == id && one.review_at == Some(at));
        let Some(mut template) = found.cloned() else { return };
        template.review_at = None;
        let (status, reason) = if template.name.contains("reject") {
            ("REJECTED", "INVALID_FORMAT")
        } else {
            ("APPROVED", "NONE")
        };
        status.clone_into(&mut template.status);
        reason.clone_into(&mut template.rejected_reason);
        core.record(tag::TEMPLATE, &template);
        let (field, value) = status_news(&template, core.clock.now_ms());
        state.put_template(template);
        core.notify(&mut state, field, value);
    }
    // The error is logged, and a restart reviews the template again.
    core.flush().ok();
}
