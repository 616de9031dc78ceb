use proptest::prelude::*;

use super::*;
use crate::cluster::{
    picture::{Counts, Picture, Totals},
    scripted::{Script, channel, stats},
    snapshot::{Gauges, Rate, Rates},
};

const STEP: Duration = Duration::from_secs(5);

fn picture(input: Option<f64>, depth: u64) -> Picture {
    let input = input.map_or(Rate::UNKNOWN, Rate::new);
    let counts = Counts {
        gauges: Gauges { depth, ..Gauges::default() },
        rates: Rates { input, ..Rates::ZERO },
        ..Counts::default()
    };
    Picture { totals: Totals { counts, ..Totals::default() }, ..Picture::default() }
}

fn at(seconds: u64) -> Moment {
    Moment(0) + Duration::from_secs(seconds)
}

/// Records polls at these seconds, and gives back the line of what comes.
fn recorded(interval: Duration, polls: &[(u64, Option<f64>)]) -> Vec<Option<f32>> {
    let mut history = History::new(interval);
    for &(seconds, input) in polls {
        history.record(&picture(input, 0), at(seconds));
    }
    history.view(&Subject::Total).line(Line::In).to_vec()
}

#[test]
fn a_step_has_the_mean_of_the_rates_that_were_known_in_it() {
    let polls = [(0, Some(2.0)), (2, None), (4, Some(4.0)), (6, None), (8, None), (10, Some(7.0))];
    assert_eq!(recorded(Duration::from_secs(2), &polls), [Some(3.0), None, Some(7.0)]);
}

#[test]
fn a_step_has_the_last_gauge() {
    let mut history = History::new(STEP);
    for (seconds, depth) in [(0, 5), (2, 9), (4, 7), (6, 1)] {
        history.record(&picture(Some(0.0), depth), at(seconds));
    }
    assert_eq!(history.view(&Subject::Total).line(Line::Depth), [Some(7.0), Some(1.0)]);
}

#[test]
fn a_poll_that_comes_late_fills_the_steps_before_it_and_a_pause_does_not() {
    let late = [(0, Some(1.0)), (21, Some(3.0))];
    let filled = [Some(1.0), Some(3.0), Some(3.0), Some(3.0), Some(3.0)];
    assert_eq!(recorded(Duration::from_secs(2), &late), filled);
    let pause = recorded(Duration::from_secs(2), &[(0, Some(1.0)), (100, Some(3.0))]);
    assert_eq!(pause.len(), 21);
    assert_eq!((pause[0], pause[20]), (Some(1.0), Some(3.0)));
    assert!(pause[1..20].iter().all(Option::is_none), "{pause:?}");
}

#[test]
fn a_clock_that_steps_back_writes_nothing() {
    assert_eq!(recorded(STEP, &[(50, Some(1.0)), (10, Some(9.0)), (50, Some(1.0))]), [Some(1.0)]);
}

#[test]
fn an_hour_is_kept_whatever_the_interval_is() {
    for (interval, steps) in [(2, 720), (5, 720), (10, 360), (3600, 1)] {
        let interval = Duration::from_secs(interval);
        let mut history = History::new(interval);
        for poll in 0..2000 {
            history.record(&picture(Some(1.0), 0), Moment(0) + interval.max(STEP) * poll);
        }
        let view = history.view(&Subject::Total);
        assert_eq!(view.line(Line::In).len(), steps);
        assert!(view.line(Line::In).iter().all(|rate| *rate == Some(1.0)));
        assert_eq!(history.view_last(&Subject::Total, 3).line(Line::In).len(), steps.min(3));
    }
}

#[test]
fn what_is_the_same_all_the_time_takes_no_column() {
    let mut history = History::new(STEP);
    for poll in 0..100 {
        history.record(&picture(Some(1.0), poll), at(poll * 5));
    }
    assert_eq!(history.size(), (1, 1), "only the depth has changed");
}

#[test]
fn a_topic_that_is_gone_is_unknown_and_after_an_hour_forgotten() {
    let mut script = Script::direct(&["a:1"]);
    script.polls(10, |script, at| {
        script.says("a:1", stats(at * 10, at));
    });
    let subject = channel("t", "c");
    assert_eq!(script.line(&subject, Line::Depth).last(), Some(&Some(9.0)));
    script.polls(10, |script, _| {
        script.says("a:1", serde_json::json!({"topics": []}));
    });
    assert_eq!(script.line(&subject, Line::Depth).last(), Some(&None));
    script.polls(1900, |script, _| {
        script.says("a:1", serde_json::json!({"topics": []}));
    });
    assert_eq!(script.line(&subject, Line::Depth), []);
    assert_eq!(script.history.size().0, 2, "the total and the node");
}

#[test]
fn a_node_that_fails_leaves_a_gap_in_lines_and_the_rates_of_the_others() {
    let mut script = Script::direct(&["a:1", "b:1"]);
    let both = |script: &mut Script, at: u64| {
        script.says("a:1", stats(at * 20, 30));
        script.says("b:1", stats(at * 20, 30));
    };
    script.polls(10, both);
    let total = |script: &Script, line| script.line(&Subject::Total, line).last().copied().unwrap();
    assert_eq!((total(&script, Line::In), total(&script, Line::Depth)), (Some(20.0), Some(60.0)));
    let failing = |script: &mut Script, at: u64| {
        script.says("a:1", stats((at + 10) * 20, 30)).fails("b:1");
    };
    script.polls(10, failing);
    assert_eq!((total(&script, Line::In), total(&script, Line::Depth)), (None, None));
    assert_eq!(script.topic("t").counts.rates.input, Rate::new(10.0), "of the other");
    assert_eq!(script.picture.totals.counts.rates.input, Rate::new(10.0));
    assert_eq!(script.topic("t").counts.gauges.depth, 60, "what it had is there still");
    let lasting = |script: &mut Script, at: u64| {
        script.says("a:1", stats((at + 20) * 20, 30)).fails("b:1");
    };
    script.polls(30, lasting);
    assert_eq!(total(&script, Line::In), Some(10.0), "after a minute, those of the others");
    let node = Subject::Node("b:1".into());
    assert_eq!(script.line(&node, Line::In).last(), Some(&None), "of itself nothing is known");
}

#[test]
fn memory_is_bounded_whatever_there_is() {
    let mut columns = Columns::default();
    let mut all: Vec<_> = (0..COLUMNS_MAX + 10).map(|_| column::Column::default()).collect();
    for (step, value) in [(0, 1.0), (1, 2.0)] {
        for column in &mut all {
            column.set(step, value, step == 0, &mut columns);
        }
    }
    assert_eq!(columns.taken(), COLUMNS_MAX);
    assert_eq!(all[0].at(0), 1.0);
    assert!(all[COLUMNS_MAX + 5].at(1).is_nan(), "it is unknown, not wrong");
    all[0].end(&mut columns);
    assert_eq!(columns.taken(), COLUMNS_MAX - 1);
}

proptest! {
    /// Whatever polls bring, all lines are of one length, no rate is negative, and what is known lies between the least and
    /// the greatest value that was recorded.
    #[test]
    fn lines_hold_what_was_recorded(polls in prop::collection::vec((1_u64..40, prop::option::of(0.0..1000.0)), 1..300)) {
        let mut history = History::new(Duration::from_secs(2));
        let mut seconds = 1000;
        for (pause, input) in &polls {
            seconds += pause;
            history.record(&picture(*input, 3), at(seconds));
        }
        let view = history.view(&Subject::Total);
        let lengths: Vec<_> = Line::ALL.iter().map(|line| view.line(*line).len()).collect();
        prop_assert!(lengths.iter().all(|length| *length == lengths[0] && *length <= STEPS_MAX));
        let known = polls.iter().filter_map(|(_, input)| *input);
        let (least, most) = known.fold((f64::MAX, 0.0_f64), |(least, most), rate| (least.min(rate), most.max(rate)));
        for rate in view.line(Line::In).iter().flatten() {
            prop_assert!(f64::from(*rate) >= least - 0.01 && f64::from(*rate) <= most + 0.01);
        }
        prop_assert!(view.end > at(seconds) && view.end <= at(seconds + 5));
    }
}
