//! The refusals, with the subcodes that Meta has for them.

use crate::graph::GraphError;

/// For what is wrong in a way that has no subcode of its own here.
pub(super) fn invalid(sentence: impl Into<String>) -> GraphError {
    GraphError::template(2_388_042, "Message template is not valid", sentence)
}

pub(super) fn missing(component: &str, field: &str) -> GraphError {
    GraphError::template(
        2_388_043,
        "Message template \"components\" param is missing expected field(s)",
        format!("component of type {component} is missing expected field(s) ({field})"),
    )
}

pub(super) fn too_long(what: &str, most: usize, length: usize) -> GraphError {
    GraphError::template(
        2_388_040,
        "Character limit exceeded",
        format!("{what} must be at most {most} characters long; it has {length}"),
    )
}

pub(super) fn header_format(sentence: &str) -> GraphError {
    GraphError::template(2_388_047, "Message header format is incorrect", sentence)
}

pub(super) fn body_format(sentence: &str) -> GraphError {
    GraphError::template(2_388_072, "Message body format is incorrect", sentence)
}

pub(super) fn footer_format(sentence: &str) -> GraphError {
    GraphError::template(2_388_073, "Message footer format is incorrect", sentence)
}

pub(super) fn too_many_variables() -> GraphError {
    GraphError::template(
        2_388_293,
        "Too many variables for the message's length",
        "This template has too many variables for its length. Use fewer, or write more text.",
    )
}

pub(super) fn variable_at_the_edge(component: &str) -> GraphError {
    GraphError::template(
        2_388_299,
        "Leading or trailing variables are not allowed",
        format!("Variables can't be at the start or end of the {component}."),
    )
}

pub(crate) fn too_many(limit: usize) -> GraphError {
    GraphError::template(
        2_388_019,
        "Message template limit exceeded",
        format!("This account has its {limit} templates already. Delete one first."),
    )
}

pub(crate) fn exists_already(name: &str, language: &str) -> GraphError {
    GraphError::template(
        2_388_024,
        "Content in this language already exists",
        format!("There is already {language} content for the template {name}."),
    )
}

pub(crate) fn being_deleted(name: &str, language: &str) -> GraphError {
    GraphError::template(
        2_388_023,
        "Message template language is being deleted",
        format!("New {language} content can't be added to {name} while the old one is being deleted."),
    )
}

pub(crate) fn not_found(name: &str) -> GraphError {
    GraphError::template(
        2_593_002,
        "Message template not found",
        format!("There is no template {name:?} to delete."),
    )
}

pub(crate) fn not_now(status: &str) -> GraphError {
    invalid(format!("a template that is {status} cannot be edited"))
}

pub(crate) fn edited_too_often() -> GraphError {
    invalid("an approved template can be edited once in 24 hours, and ten times in 30 days")
}
