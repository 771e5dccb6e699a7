//! `bellhop create-admin`: the first person who can sign in, and the way back for one who cannot any more.

use std::io::BufRead;

use anyhow::{Context, bail};
use bellhop_domain::{PropertyId, Secret};
use bellhop_service::App;
use bellhop_service::auth::random_token;
use bellhop_service::property::PropertyChange;
use bellhop_service::staff::{AdminMade, FirstAdmin};

pub const USAGE: &str = "\
Usage: bellhop create-admin --email ADDRESS --name NAME [--property ID | --new-property NAME] [--password-stdin]

Makes an admin who can sign in. Where somebody has the address already, they become an admin, are no longer
disabled and get the new password.

  --property ID         the hotel, where there are several
  --new-property NAME   makes the hotel, too
  --password-stdin      reads the password, at least 12 characters, from the first line of standard input;
                        otherwise one is made and printed once
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Wish {
    email: String,
    name: String,
    hotel: Hotel,
    password_stdin: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Hotel {
    TheOnlyOne,
    Known(PropertyId),
    New(String),
}

impl Wish {
    /// # Errors
    /// In a sentence, for arguments that are missing or not known.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        let (mut email, mut name, mut hotel, mut password_stdin) = (None, None, Hotel::TheOnlyOne, false);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().with_context(|| format!("{argument} needs a value\n\n{USAGE}"));
            match argument.as_str() {
                "--email" => email = Some(value()?),
                "--name" => name = Some(value()?),
                "--password-stdin" => password_stdin = true,
                "--property" | "--new-property" if hotel != Hotel::TheOnlyOne => {
                    bail!("name one hotel only\n\n{USAGE}")
                }
                "--property" => {
                    hotel = Hotel::Known(value()?.parse().context("--property: no property's id")?);
                }
                "--new-property" => hotel = Hotel::New(value()?),
                other => bail!("there is no argument \"{other}\"\n\n{USAGE}"),
            }
        }
        let needed =
            |value: Option<String>, name| value.with_context(|| format!("{name} is missing\n\n{USAGE}"));
        Ok(Self { email: needed(email, "--email")?, name: needed(name, "--name")?, hotel, password_stdin })
    }

    /// Makes the admin. Returns what to tell whoever asked.
    ///
    /// # Errors
    /// When the hotel is not clear, a value is not taken, or the database fails.
    pub async fn grant(self, app: &App, input: impl BufRead) -> anyhow::Result<String> {
        let given = if self.password_stdin { Some(first_line(input)?) } else { None };
        let made = given.is_none();
        let password = given.unwrap_or_else(random_token);
        let admin = FirstAdmin { name: self.name, email: self.email.clone(), password: password.clone() };
        admin.check()?;
        let property = match self.hotel {
            Hotel::Known(property) => property,
            Hotel::New(name) => app.create_property(&name, PropertyChange::default()).await?,
            Hotel::TheOnlyOne => the_only_one(app).await?,
        };
        let what = match app.ensure_admin(property, admin).await? {
            AdminMade::New(id) => format!("{id} is a new admin"),
            AdminMade::Restored(id) => format!("{id} is an admin with a new password"),
        };
        let mut told = format!("{what} of {property}, and signs in as {}.", self.email.trim());
        if made {
            told.push_str("\nPassword, shown this once: ");
            told.push_str(password.expose());
        }
        Ok(told)
    }
}

async fn the_only_one(app: &App) -> anyhow::Result<PropertyId> {
    let hotels = app.properties().await?;
    match hotels.as_slice() {
        [(id, _)] => Ok(*id),
        [] => bail!("there is no hotel yet: make one with --new-property NAME"),
        several => {
            let list: Vec<_> = several.iter().map(|(id, name)| format!("  {id}  {name}")).collect();
            bail!("there are several hotels; name one with --property:\n{}", list.join("\n"))
        }
    }
}

fn first_line(mut input: impl BufRead) -> anyhow::Result<Secret> {
    let mut line = String::new();
    input.read_line(&mut line).context("standard input cannot be read")?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<Wish> {
        Wish::parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_read() {
        let wish = parse("--name Dana --email d@h.example --new-property Plaza --password-stdin").unwrap();
        assert_eq!((wish.name.as_str(), wish.email.as_str()), ("Dana", "d@h.example"));
        assert_eq!((wish.hotel, wish.password_stdin), (Hotel::New("Plaza".into()), true));
        let id = PropertyId::new();
        let wish = parse(&format!("--email d@h.example --property {id} --name D")).unwrap();
        assert_eq!((wish.hotel, wish.password_stdin), (Hotel::Known(id), false));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (arguments, named) in [
            ("", "--email"),
            ("--email a@b", "--name"),
            ("--email", "--email needs"),
            ("--email a@b --name D --password secret", "\"--password\""),
            ("--email a@b --name D --property hotel", "--property"),
            ("--email a@b --name D --new-property P --new-property Q", "one hotel only"),
        ] {
            let error = format!("{:#}", parse(arguments).unwrap_err());
            assert!(error.contains(named), "{arguments}: {error}");
        }
    }

    #[test]
    fn a_password_is_a_line_without_its_end() {
        assert_eq!(first_line("a b \r\nnext\n".as_bytes()).unwrap().expose(), "a b ");
    }
}
