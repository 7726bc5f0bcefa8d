//! `catena keys`: API keys of a server.

use crate::args::{KeysAction, KeysArgs, NewKeyArgs};
use crate::explain::{pipeline_failure, store_advice};
use crate::failure::{Exit, Failure};
use crate::output::print_line;
use crate::progress::say;
use camino::Utf8PathBuf;
use catena_pipeline::{PipelineError, config};
use catena_protocol::Date;
use catena_serve::keys::{KeyFile, KeyLimits, KeyRecord, KeysError, NewKey};
use std::time::{SystemTime, UNIX_EPOCH};

/// When a change comes to servers that run.
const READ_AGAIN: &str = "a running server reads it again at SIGHUP";

/// Runs `catena keys`.
pub(crate) fn run(args: &KeysArgs) -> Result<(), Failure> {
    let file = KeyFile::at(path(args)?);
    match &args.action {
        KeysAction::Create(new) => create(&file, new),
        KeysAction::List { json } => list(&file, *json),
        KeysAction::Revoke { ids } => {
            ids.iter().try_for_each(|id| revoke(&file, id))?;
            say(&format!("{READ_AGAIN}, and lets them in until then"));
            Ok(())
        }
    }
}

/// The file of `--file`, or the one that the project's configuration names.
fn path(args: &KeysArgs) -> Result<Utf8PathBuf, Failure> {
    if let Some(file) = &args.file {
        return Ok(file.clone());
    }
    let config = config::load(&args.project).map_err(|error| {
        let is_missing = matches!(error, PipelineError::NoProject { .. });
        let failure = pipeline_failure("cannot find the file of keys", error);
        let hint = "give --project FOLDER, or --file FILE for a server without a project";
        if is_missing { failure.hint(hint) } else { failure }
    })?;
    Ok(args.project.join(config.serve.keys))
}

fn create(file: &KeyFile, args: &NewKeyArgs) -> Result<(), Failure> {
    let now = now();
    let new = NewKey {
        name: args.name.clone(),
        expires: args.expires.map(|seconds| now.saturating_add(seconds)),
        models: args.models.clone(),
        routes: args.routes.clone(),
        admin: args.admin,
        limits: KeyLimits {
            requests_per_minute: args.requests_per_minute,
            tokens_per_minute: args.tokens_per_minute,
            max_concurrent: args.max_concurrent,
        },
    };
    let (record, text) =
        file.create(new, now).map_err(|error| keys_failure("cannot make a key", error))?;
    // The key alone goes to standard output, so that a script can keep it.
    print_line(&text);
    say(&format!("key {} for {}: shown this once, kept as its SHA-256", record.id, record.name));
    say(&format!("in {}; {READ_AGAIN}", file.path()));
    Ok(())
}

fn list(file: &KeyFile, json: bool) -> Result<(), Failure> {
    let keys = file.read().map_err(|error| keys_failure("cannot list the keys", error))?;
    let Some(keys) = keys else {
        say(&format!("no keys: there is no `{}`", file.path()));
        return Ok(());
    };
    let now = now();
    for key in &keys {
        if json {
            let mut value = serde_json::to_value(key).expect("a key is plain data");
            value.as_object_mut().expect("an object").remove("digest");
            print_line(&value.to_string());
        } else {
            print_line(&line(key, now));
        }
    }
    Ok(())
}

fn revoke(file: &KeyFile, id: &str) -> Result<(), Failure> {
    let goal = "cannot revoke the key";
    let record = file.revoke(id).map_err(|error| keys_failure(goal, error))?;
    say(&format!("revoked key {} of {}", record.id, record.name));
    Ok(())
}

/// One key as people read it.
fn line(key: &KeyRecord, now: u64) -> String {
    let mut parts =
        vec![format!("{}  {:<24}  made {}", key.id, key.name, Date::of_unix_time(key.created))];
    if let Some(expires) = key.expires {
        let word = if key.has_expired(now) { "expired" } else { "expires" };
        parts.push(format!("{word} {}", Date::of_unix_time(expires)));
    }
    if key.admin {
        parts.push("admin".to_owned());
    }
    for (what, patterns) in [("models", &key.models), ("routes", &key.routes)] {
        if !patterns.is_empty() {
            parts.push(format!("{what} {}", patterns.join(",")));
        }
    }
    let KeyLimits { requests_per_minute, tokens_per_minute, max_concurrent } = key.limits;
    for (limit, unit) in [
        (requests_per_minute, "requests/min"),
        (tokens_per_minute, "tokens/min"),
        (max_concurrent, "at once"),
    ] {
        if let Some(limit) = limit {
            parts.push(format!("{limit} {unit}"));
        }
    }
    parts.join("  ")
}

/// A keys' error as a failed command that wanted `goal`.
pub(crate) fn keys_failure(goal: &str, error: KeysError) -> Failure {
    let (exit, hint) = match &error {
        KeysError::BadName { .. } => (Exit::Usage, None),
        KeysError::UnknownKey { .. } => {
            (Exit::Usage, Some("`catena keys list` shows the keys there are".to_owned()))
        }
        KeysError::TooManyKeys { .. } => {
            (Exit::Environment, Some("revoke keys that are not needed".to_owned()))
        }
        KeysError::Damaged { .. } => (
            Exit::Environment,
            Some("take it from a backup, or remove it and make new keys".to_owned()),
        ),
        KeysError::Store(error) => store_advice(error),
        KeysError::Read { .. } | KeysError::Random(_) => (Exit::Environment, None),
    };
    let failure = Failure::new(exit, goal, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Seconds of `30d`, `12h` or `2w`.
pub(crate) fn lifetime(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no time such as 12h, 30d or 2w");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let hours = match unit {
        'h' => 1,
        'd' => 24,
        'w' => 7 * 24,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    if count == 0 {
        return Err(wrong());
    }
    count.checked_mul(hours * 3600).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::lifetime;

    #[test]
    fn lifetimes_have_a_unit() {
        assert_eq!(lifetime("12h"), Ok(43_200));
        assert_eq!(lifetime("30d"), Ok(2_592_000));
        assert_eq!(lifetime("2w"), Ok(1_209_600));
        for wrong in ["", "d", "0d", "5", "-1d", "1m", "1.5d", "1é", "99999999999999999999d"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
