//! The command: rounds of ours and of the peers in turn, or one server that is already there.

use super::target::{CACHE_BYTES, Target};
use super::users::Users;
use super::{chats, http};
use crate::args::ServeBenchArgs;
use crate::bench::cells::{Named, Results, Samples};
use crate::bench::files::{absolute, find};
use crate::bench::peers::{Collected, Peers, check_cancel};
use crate::bench::rounds::{nothing, wanted};
use crate::failure::{Exit, Failure};
use crate::machine::{pool, threads};
use crate::models::{BoxError, LanguageModel};
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_protocol::Cancel;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Users whose prompts begin alike.
const MANY: Users = Users(16);
const ONE: Users = Users(1);

/// Cells that come from one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Users(Users),
    Http,
    Chats,
}

impl Group {
    const ALL: [Group; 4] = [Group::Users(MANY), Group::Users(ONE), Group::Http, Group::Chats];

    fn cells(self) -> Vec<Named> {
        match self {
            Group::Users(users) => users.cells(),
            Group::Http => http::cells(),
            Group::Chats => chats::cells(),
        }
    }

    /// Those with a wanted cell; without an engine of ours there is nothing to compare HTTP with.
    fn of(args: &ServeBenchArgs) -> Vec<Group> {
        let has_cell = |group: &Group| {
            let mut cells = group.cells().into_iter();
            (args.url.is_none() || *group != Group::Http)
                && cells.any(|cell| wanted(&cell.name, &args.only))
        };
        Group::ALL.into_iter().filter(has_cell).collect()
    }
}

/// Our own model, to be served.
struct Subject {
    path: Utf8PathBuf,
    model: LanguageModel,
    pool: Arc<Pool>,
    threads: usize,
}

/// Runs `catena bench serve`.
pub(in crate::bench) fn run(
    args: &ServeBenchArgs,
    flag: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    args.rounds.check_file()?;
    let groups = Group::of(args);
    if groups.is_empty() {
        return Err(nothing(&args.only, "cells have names such as serve/16users/throughput"));
    }
    let (pool, threads) = (pool(flag), threads(flag).value);
    let chats = Duration::from_secs(args.seconds);
    let (mut ours, mut theirs) = (Samples::default(), Collected::default());
    if let Some(url) = &args.url {
        let target = Target::at(url, &args.model);
        for _ in args.rounds.labels() {
            for group in &groups {
                let measured = match group {
                    Group::Users(users) => users.round(&target, &mut ours),
                    Group::Chats => chats::round(&target, chats, &mut ours),
                    Group::Http => Ok(()),
                };
                measured.map_err(unmeasured)?;
                check_cancel(cancel)?;
            }
        }
    } else {
        let subject = Subject::open(args, pool.clone(), threads, cancel)?;
        let peers = args.peers.then(|| Peers::find(&[], cancel)).transpose()?;
        for label in args.rounds.labels() {
            say(&format!("  {label}: catena"));
            for group in &groups {
                subject.round(*group, chats, &mut ours).map_err(unmeasured)?;
                check_cancel(cancel)?;
            }
            if let Some(peers) = &peers {
                peers.round(subject.peers_task(&groups, &label)?, &mut theirs)?;
            }
        }
    }
    let named = groups.into_iter().flat_map(Group::cells);
    let results = Results::of_named(named, &ours, theirs, &pool, threads);
    results.print();
    args.rounds.write(&results)
}

impl Subject {
    fn open(
        args: &ServeBenchArgs,
        pool: Arc<Pool>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self, Failure> {
        let progress = for_stderr();
        let finder = Finder { project: Utf8Path::new("."), progress: progress.as_ref(), cancel };
        let path = absolute(&find(&args.model, &finder)?);
        let model = LanguageModel::open(&path).map_err(unmeasured)?;
        Ok(Self { path, model, pool, threads })
    }

    /// Everything to a fresh server each.
    fn round(
        &self,
        group: Group,
        lasting: Duration,
        samples: &mut Samples,
    ) -> Result<(), BoxError> {
        let server = |sequences| Target::of_model(&self.path, self.threads, sequences, CACHE_BYTES);
        match group {
            Group::Users(users) => users.round(&server(users.0)?, samples),
            Group::Chats => chats::round(&server(chats::CHATS)?, lasting, samples),
            Group::Http => http::round(&self.path, &self.model, &self.pool, self.threads, samples),
        }
    }

    /// What the peers are asked to measure: each runs its server, and this program as the client.
    fn peers_task(&self, groups: &[Group], label: &str) -> Result<Value, Failure> {
        let program = std::env::current_exe().map_err(|error| unmeasured(error.into()))?;
        let users = groups.iter().filter_map(|group| match group {
            Group::Users(users) => Some(users.0),
            Group::Http | Group::Chats => None,
        });
        let load: Vec<Value> = users
            .map(|users| {
                let first = &Users(users).cells()[0].name;
                json!({"users": users, "command": [program, "bench", "serve", "--only", first]})
            })
            .collect();
        Ok(json!({
            "area": "serve", "label": label, "model": self.path, "format": "serve",
            "threads": self.threads, "tokens": Users::TOKENS, "load": load,
        }))
    }
}

fn unmeasured(error: BoxError) -> Failure {
    Failure::new(Exit::Environment, "cannot measure this server", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{BenchArea, BenchArgs};
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: BenchArgs,
    }

    fn groups(line: &str) -> Vec<Group> {
        let words = ["bench", "serve"].into_iter().chain(line.split_whitespace());
        let BenchArea::Serve(args) = Line::parse_from(words).bench.area else {
            panic!("`{line}` is another area")
        };
        Group::of(&args)
    }

    #[test]
    fn a_part_of_a_name_picks_the_measurements() {
        assert_eq!(groups(""), Group::ALL);
        assert_eq!(groups("--only 16users/ttft"), [Group::Users(MANY)]);
        assert_eq!(groups("--only http"), [Group::Http]);
        assert_eq!(groups("--only http --url http://127.0.0.1:1"), []);
        assert_eq!(groups("--url http://127.0.0.1:1").len(), 3);
    }
}
