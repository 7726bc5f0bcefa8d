//! Masks computed beside the forward pass.

use super::state::ConstraintState;
use crate::sampler::SamplingState;
use std::sync::mpsc::{self, Receiver, Sender};

/// Masks of one step from which a thread is woken for them. One costs about what waking costs, so
/// it is left to the sampler.
const THREAD_FROM: usize = 2;

/// The states that are away, each with the place of its sequence.
type Job = Vec<(usize, ConstraintState)>;

/// Computes the masks of a step on a thread of its own while the model runs.
///
/// The states of the constraints travel to the thread and back, so nothing is shared. Masks that
/// the thread has not computed, for want of a thread or of constraints enough to wake it, are
/// computed by the sampler.
#[derive(Default)]
pub(crate) struct MaskWorker {
    helper: Helper,
    is_busy: bool,
}

/// The thread that computes.
#[derive(Default)]
enum Helper {
    /// Not needed yet.
    #[default]
    Absent,
    /// The system has no thread to spare.
    Refused,
    Running(Thread),
}

/// Ends when `jobs` is dropped.
struct Thread {
    jobs: Sender<Job>,
    done: Receiver<Job>,
}

impl MaskWorker {
    /// Takes the constraints out of `states` and starts on their masks. No state may be used until
    /// [`MaskWorker::finish`] has put them back.
    pub(crate) fn begin<'a>(&mut self, states: impl Iterator<Item = &'a mut SamplingState>) {
        assert!(!self.is_busy, "the masks of the last step were not taken back");
        let lacks_mask =
            |constraint: &ConstraintState| !constraint.is_ahead() && !constraint.is_complete();
        let constraints: Vec<(usize, &mut Option<ConstraintState>)> = states
            .enumerate()
            .map(|(place, state)| (place, state.constraint_mut()))
            .filter(|(_, constraint)| constraint.as_ref().is_some_and(lacks_mask))
            .collect();
        if constraints.len() < THREAD_FROM {
            return;
        }
        if matches!(self.helper, Helper::Absent) {
            self.helper = Thread::spawn().map_or(Helper::Refused, Helper::Running);
        }
        let Helper::Running(thread) = &self.helper else { return };
        let job: Job = constraints
            .into_iter()
            .filter_map(|(place, constraint)| Some((place, constraint.take()?)))
            .collect();
        thread.jobs.send(job).expect("the thread runs while its jobs come");
        self.is_busy = true;
    }

    /// Waits for the masks and puts the constraints back into the same `states` in the same order.
    pub(crate) fn finish<'a>(&mut self, states: impl Iterator<Item = &'a mut SamplingState>) {
        if !std::mem::take(&mut self.is_busy) {
            return;
        }
        let Helper::Running(thread) = &self.helper else { return };
        let job = thread.done.recv().expect("computing masks does not panic");
        let mut job = job.into_iter().peekable();
        for (place, state) in states.enumerate() {
            if let Some((_, constraint)) = job.next_if(|&(of, _)| of == place) {
                *state.constraint_mut() = Some(constraint);
            }
        }
        assert!(job.next().is_none(), "a sequence left while its mask was computed");
    }
}

impl Thread {
    fn spawn() -> Option<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (outbox, done) = mpsc::channel();
        let work = move || {
            for mut job in inbox {
                for (_, constraint) in &mut job {
                    constraint.compute_ahead();
                }
                if outbox.send(job).is_err() {
                    return;
                }
            }
        };
        let builder = std::thread::Builder::new().name("masks".to_owned());
        builder.spawn(work).ok().map(|_| Self { jobs, done })
    }
}
