//! Records: a step as bytes and back. The two directions stand in the same order.

use heapless::Vec;
use sdrm3_core::{
    Action, Dispatch, DropReason, Error, Fault, Frame, JobId, Leftover, NextWake, Outcome, Progress, Refusal,
    Refused, Report, Score,
};

use super::codec::{Context, Decoder, Encoder, MAX_RECORD};
use super::{Answer, Call, Step};

/// What ends a trace.
pub(super) const END: u8 = 14;
/// Stands for a refusal that has no code yet.
const UNKNOWN: u8 = 255;

/// What a record says.
pub(super) enum Record {
    Step(Step),
    End,
}

/// The record of a step.
pub(super) fn encode(step: &Step, context: &mut Context) -> Vec<u8, MAX_RECORD> {
    let mut out = Encoder::new(context);
    let Step { now, call, answer } = step;
    out.byte(match call {
        Call::Poll => 1,
        Call::Release(_) => 2,
        Call::ReleaseChild(..) => 3,
        Call::LoseChild(..) => 4,
        Call::GiveUp(_) => 5,
        Call::Complete(..) => 6,
        Call::Fault(..) => 7,
        Call::Restore(_) => 8,
        Call::Bar(..) => 9,
        Call::SetActive(..) => 10,
        Call::SetPeriod(..) => 11,
        Call::Freeze(_) => 12,
        Call::Close => 13,
        Call::Readmit(_) => 15,
    });
    out.called(*now);
    out.call(call);
    out.answer(answer);
    out.finish()
}

/// The first record of these bytes, and what is left behind it; `None` if it makes no sense.
pub(super) fn decode<'b>(bytes: &'b [u8], context: &mut Context) -> Option<(Record, &'b [u8])> {
    let mut input = Decoder::new(context, bytes);
    let code = input.byte()?;
    if code == END {
        return Some((Record::End, input.rest()));
    }
    let now = input.called()?;
    let call = input.call(code)?;
    let answer = input.answer(&call)?;
    Some((Record::Step(Step { now, call, answer }), input.rest()))
}

impl Encoder<'_> {
    fn call(&mut self, call: &Call) {
        match *call {
            Call::Poll | Call::Close => {}
            Call::Release(model) => self.byte(model.0),
            Call::ReleaseChild(model, parent) | Call::LoseChild(model, parent) => {
                self.byte(model.0);
                self.frame(parent);
            }
            Call::GiveUp(frame) | Call::Readmit(frame) => self.frame(frame),
            Call::Complete(ticket, outcome) => {
                self.ticket(ticket);
                self.path(outcome.path);
                self.option(outcome.started, Self::time);
                self.time(outcome.finished);
                self.option(outcome.energy_nj, |out, energy| out.number(u64::from(energy)));
            }
            Call::Fault(accelerator, fault) => {
                self.byte(accelerator.0);
                self.byte(fault.code());
            }
            Call::Restore(accelerator) => self.byte(accelerator.0),
            Call::Bar(model, accelerator, barred) => {
                self.byte(model.0);
                self.byte(accelerator.0);
                self.byte(u8::from(barred));
            }
            Call::SetActive(model, active) => {
                self.byte(model.0);
                self.byte(u8::from(active));
            }
            Call::SetPeriod(model, period) => {
                self.byte(model.0);
                self.number(period.as_nanos());
            }
            Call::Freeze(frozen) => self.byte(u8::from(frozen)),
        }
    }

    fn answer(&mut self, answer: &Answer) {
        match *answer {
            Answer::Action(action) => self.action(action),
            Answer::Admitted(Ok((frame, job))) => {
                self.byte(0);
                self.frame(frame);
                self.job(job, frame);
            }
            Answer::Lost(Ok(frame)) => {
                self.byte(0);
                self.frame(frame);
            }
            Answer::Admitted(Err(refused)) | Answer::Lost(Err(refused)) => {
                self.byte(1);
                self.refused(refused);
            }
            Answer::Completed(Ok(report)) => {
                self.byte(0);
                self.report(&report);
            }
            Answer::Faulted(Ok(None)) | Answer::Done(Ok(())) | Answer::Changed(Ok(false)) => self.byte(0),
            Answer::Faulted(Ok(Some(job))) => {
                self.byte(1);
                self.number(u64::from(job.index()));
                self.number(u64::from(job.generation()));
            }
            Answer::Changed(Ok(true)) => self.byte(1),
            Answer::Completed(Err(error)) | Answer::Done(Err(error)) => {
                self.byte(1);
                self.error(error);
            }
            Answer::Faulted(Err(error)) | Answer::Changed(Err(error)) => {
                self.byte(2);
                self.error(error);
            }
            Answer::Left(None) => self.byte(0),
            Answer::Left(Some(Leftover::Overdue(frame))) => {
                self.byte(1);
                self.frame(frame);
            }
            Answer::Left(Some(Leftover::LeftOut(frame))) => {
                self.byte(2);
                self.frame(frame);
            }
            Answer::Nothing => {}
        }
    }

    fn action(&mut self, action: Action) {
        match action {
            Action::Dispatch(block) => {
                self.byte(0);
                self.new_ticket(block.ticket);
                self.frame(block.frame);
                self.job(block.job, block.frame);
                self.byte(block.subnetwork);
                self.number(u64::from(block.first));
                self.number(u64::from(block.count));
                self.cost(block.expected);
                self.cost(block.switch);
                self.signed(block.score.0);
            }
            Action::Drop(frame, reason) => {
                self.byte(1);
                self.frame(frame);
                self.byte(reason.code());
            }
            Action::Wait(NextWake::At(at)) => {
                self.byte(2);
                self.time(at);
            }
            Action::Wait(NextWake::Idle) => self.byte(3),
        }
    }

    fn report(&mut self, report: &Report) {
        self.ticket(report.ticket);
        self.frame(report.frame);
        self.job(report.job, report.frame);
        self.byte(report.subnetwork);
        self.time(report.finished);
        self.number(u64::from(report.energy_nj));
        self.number(u64::from(report.worst_energy_nj));
        self.byte(match report.progress {
            Progress::More => 0,
            Progress::InTime => 1,
            Progress::Late => 2,
        });
    }

    fn refused(&mut self, refused: Refused) {
        self.option(refused.frame, Self::frame);
        match refused.why {
            Refusal::Full { capacity } => {
                self.byte(0);
                self.number(capacity as u64);
            }
            Refusal::UnknownModel(model) => {
                self.byte(1);
                self.byte(model.0);
            }
            Refusal::NeedsParent => self.byte(2),
            Refusal::NotAChild => self.byte(3),
            Refusal::Inactive => self.byte(4),
            Refusal::TimeWentBack { last } => {
                self.byte(5);
                self.time(last);
            }
            _ => self.byte(UNKNOWN),
        }
    }

    fn error(&mut self, error: Error) {
        match error {
            Error::StaleTicket(ticket) => {
                self.byte(0);
                self.ticket(ticket);
            }
            Error::UnknownAccelerator(accelerator) => {
                self.byte(1);
                self.byte(accelerator.0);
            }
            Error::UnknownModel(model) => {
                self.byte(2);
                self.byte(model.0);
            }
            Error::ZeroPeriod(model) => {
                self.byte(3);
                self.byte(model.0);
            }
            Error::FollowsParent(model) => {
                self.byte(4);
                self.byte(model.0);
            }
            Error::SkipBeyondEnd { ticket, path } => {
                self.byte(5);
                self.ticket(ticket);
                self.path(path);
            }
            Error::TimeWentBack { now, last } => {
                self.byte(6);
                self.time(now);
                self.time(last);
            }
            _ => self.byte(UNKNOWN),
        }
    }
}

impl Decoder<'_, '_> {
    fn call(&mut self, code: u8) -> Option<Call> {
        Some(match code {
            1 => Call::Poll,
            2 => Call::Release(self.model()?),
            3 => Call::ReleaseChild(self.model()?, self.frame()?),
            4 => Call::LoseChild(self.model()?, self.frame()?),
            5 => Call::GiveUp(self.frame()?),
            6 => {
                let (ticket, path) = (self.ticket()?, self.path()?);
                let (started, finished) = (self.option(Self::time)?, self.time()?);
                let energy_nj = self.option(Self::small)?;
                Call::Complete(ticket, Outcome { path, started, finished, energy_nj })
            }
            7 => Call::Fault(self.accelerator()?, Fault::from_code(self.byte()?)?),
            8 => Call::Restore(self.accelerator()?),
            9 => Call::Bar(self.model()?, self.accelerator()?, self.flag()?),
            10 => Call::SetActive(self.model()?, self.flag()?),
            11 => Call::SetPeriod(self.model()?, self.span()?),
            12 => Call::Freeze(self.flag()?),
            13 => Call::Close,
            15 => Call::Readmit(self.frame()?),
            _ => return None,
        })
    }

    fn answer(&mut self, call: &Call) -> Option<Answer> {
        if matches!(call, Call::GiveUp(_) | Call::Freeze(_)) {
            return Some(Answer::Nothing);
        }
        if *call == Call::Poll {
            return self.action().map(Answer::Action);
        }
        let code = self.byte()?;
        Some(match (call, code) {
            (Call::Release(_) | Call::ReleaseChild(..) | Call::Readmit(_), 0) => {
                Answer::Admitted(Ok(self.frame_and_job()?))
            }
            (Call::Release(_) | Call::ReleaseChild(..) | Call::Readmit(_), 1) => {
                Answer::Admitted(Err(self.refused()?))
            }
            (Call::LoseChild(..), 0) => Answer::Lost(Ok(self.frame()?)),
            (Call::LoseChild(..), 1) => Answer::Lost(Err(self.refused()?)),
            (Call::Complete(..), 0) => Answer::Completed(Ok(self.report()?)),
            (Call::Complete(..), 1) => Answer::Completed(Err(self.error()?)),
            (Call::Fault(..), 0) => Answer::Faulted(Ok(None)),
            (Call::Fault(..), 1) => Answer::Faulted(Ok(Some(JobId::new(self.small()?, self.small()?)))),
            (Call::Fault(..), 2) => Answer::Faulted(Err(self.error()?)),
            (Call::Restore(_) | Call::SetPeriod(..), 0) => Answer::Done(Ok(())),
            (Call::Restore(_) | Call::SetPeriod(..), 1) => Answer::Done(Err(self.error()?)),
            (Call::Bar(..) | Call::SetActive(..), 0 | 1) => Answer::Changed(Ok(code == 1)),
            (Call::Bar(..) | Call::SetActive(..), 2) => Answer::Changed(Err(self.error()?)),
            (Call::Close, 0) => Answer::Left(None),
            (Call::Close, 1) => Answer::Left(Some(Leftover::Overdue(self.frame()?))),
            (Call::Close, 2) => Answer::Left(Some(Leftover::LeftOut(self.frame()?))),
            _ => return None,
        })
    }

    fn frame_and_job(&mut self) -> Option<(Frame, JobId)> {
        let frame = self.frame()?;
        Some((frame, self.job(frame)?))
    }

    fn action(&mut self) -> Option<Action> {
        Some(match self.byte()? {
            0 => {
                let ticket = self.new_ticket()?;
                let (frame, job) = self.frame_and_job()?;
                let subnetwork = self.byte()?;
                let mut block = Dispatch::new(ticket, job, frame, self.small()?);
                block.subnetwork = subnetwork;
                block.count = self.small()?;
                block.expected = self.cost()?;
                block.switch = self.cost()?;
                block.score = Score(self.signed()?);
                Action::Dispatch(block)
            }
            1 => Action::Drop(self.frame()?, DropReason::from_code(self.byte()?)?),
            2 => Action::Wait(NextWake::At(self.time()?)),
            3 => Action::Wait(NextWake::Idle),
            _ => return None,
        })
    }

    fn report(&mut self) -> Option<Report> {
        let ticket = self.ticket()?;
        let (frame, job) = self.frame_and_job()?;
        let subnetwork = self.byte()?;
        let mut report = Report::new(ticket, job, frame, self.time()?);
        report.subnetwork = subnetwork;
        report.energy_nj = self.small()?;
        report.worst_energy_nj = self.small()?;
        report.progress = match self.byte()? {
            0 => Progress::More,
            1 => Progress::InTime,
            2 => Progress::Late,
            _ => return None,
        };
        Some(report)
    }

    fn refused(&mut self) -> Option<Refused> {
        let frame = self.option(Self::frame)?;
        let why = match self.byte()? {
            0 => Refusal::Full { capacity: self.small()? },
            1 => Refusal::UnknownModel(self.model()?),
            2 => Refusal::NeedsParent,
            3 => Refusal::NotAChild,
            4 => Refusal::Inactive,
            5 => Refusal::TimeWentBack { last: self.time()? },
            _ => return None,
        };
        Some(Refused { frame, why })
    }

    fn error(&mut self) -> Option<Error> {
        Some(match self.byte()? {
            0 => Error::StaleTicket(self.ticket()?),
            1 => Error::UnknownAccelerator(self.accelerator()?),
            2 => Error::UnknownModel(self.model()?),
            3 => Error::ZeroPeriod(self.model()?),
            4 => Error::FollowsParent(self.model()?),
            5 => Error::SkipBeyondEnd { ticket: self.ticket()?, path: self.path()? },
            6 => Error::TimeWentBack { now: self.time()?, last: self.time()? },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use sdrm3_core::{AcceleratorId, Cost, Instant, ModelId, Path, Ticket};

    use super::*;

    const FAR: Instant = Instant::from_nanos(1 << 63);

    fn frame(model: u8, number: u32) -> Frame {
        Frame { release: FAR, deadline: Instant::ZERO, origin: FAR, number, model: ModelId(model) }
    }

    /// The longest records there are.
    fn longest() -> Vec<Step> {
        let ticket = Ticket { accelerator: AcceleratorId(255), sequence: 1 << 31 };
        let (frame, job) = (frame(255, 1 << 31), JobId::new(1 << 15, 1 << 15));
        let outcome =
            Outcome::finished(FAR).with_start(FAR).with_energy(u32::MAX).with_path(Path::Skip(u16::MAX));
        let mut report = Report::new(ticket, job, frame, FAR);
        (report.energy_nj, report.worst_energy_nj) = (u32::MAX, u32::MAX);
        let mut block = Dispatch::new(ticket, job, frame, u16::MAX);
        (block.count, block.score) = (u16::MAX, Score(i64::MIN));
        (block.expected, block.switch) = (Cost::new(u32::MAX, u32::MAX), Cost::new(u32::MAX, u32::MAX));
        let refused = Refused { frame: Some(frame), why: Refusal::TimeWentBack { last: FAR } };
        let error = Error::TimeWentBack { now: FAR, last: FAR };
        let child = Call::ReleaseChild(ModelId(9), frame);
        [
            (Call::Complete(ticket, outcome), Answer::Completed(Ok(report))),
            (Call::Complete(ticket, outcome), Answer::Completed(Err(error))),
            (Call::Poll, Answer::Action(Action::Dispatch(block))),
            (child, Answer::Admitted(Err(refused))),
            (child, Answer::Admitted(Ok((Frame { model: ModelId(7), ..frame }, job)))),
        ]
        .map(|(call, answer)| Step { now: FAR, call, answer })
        .to_vec()
    }

    #[test]
    fn the_longest_records_fit_and_are_read_back() {
        let mut most = 0;
        for step in longest() {
            // Behind a fresh context, where nothing is known.
            let bytes = encode(&Step { now: Instant::ZERO, ..step }, &mut Context::new());
            most = most.max(bytes.len() + 9); // the time of the call was 0
            assert!(most <= MAX_RECORD, "{most} bytes: {step:?}");
            let bytes = encode(&step, &mut Context::new());
            let Some((Record::Step(read), rest)) = decode(&bytes, &mut Context::new()) else {
                panic!("not read: {step:?}")
            };
            assert_eq!((read, rest), (step, &[][..]));
        }
        assert!(most > 110, "{most}: the longest is among them");
    }

    #[test]
    fn a_record_cut_short_makes_no_sense_anywhere() {
        let mut cuts = 0;
        for step in longest() {
            let bytes = encode(&step, &mut Context::new());
            for length in 0..bytes.len() {
                assert!(decode(&bytes[..length], &mut Context::new()).is_none(), "{length} of {step:?}");
                cuts += 1;
            }
        }
        assert!(cuts > 200);
    }

    #[test]
    fn a_number_has_one_form_only() {
        let read = |bytes: &[u8]| Decoder::new(&mut Context::new(), bytes).number();
        assert_eq!(read(&[0x7f]), Some(127));
        assert_eq!(read(&[0x80, 0x01]), Some(128));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), Some(u64::MAX));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), None, "65 bits");
        assert_eq!(read(&[0x80; 11]), None);
        assert_eq!(read(&[0x81, 0x00]), None, "the short form is 0x01");
    }
}
