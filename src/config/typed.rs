//! What was typed, before anything is decided.

use std::collections::BTreeMap;

use super::{declaration::OptionSpec, value::Value};

/// The options that one source, such as the command line, gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TypedOptions {
    by_flag: BTreeMap<&'static str, Value>,
}

impl TypedOptions {
    /// The value of that flag, if this source gives one.
    pub fn get(&self, flag: &str) -> Option<&Value> {
        self.by_flag.get(flag)
    }

    /// True if this source turns that switch on.
    pub fn is_on(&self, flag: &str) -> bool {
        self.get(flag) == Some(&Value::Bool(true))
    }

    /// Takes one more value: lists grow, numbers among themselves sorted from the greatest down; of anything else the
    /// last one stays.
    pub fn add(&mut self, spec: &OptionSpec, value: Value) {
        match (self.by_flag.get_mut(spec.flag), value) {
            (Some(Value::List(texts)), Value::List(more)) => texts.extend(more),
            (Some(Value::Floats(numbers)), Value::Floats(more)) => {
                numbers.extend(more);
                numbers.sort_by(|one, other| other.total_cmp(one));
            }
            (_, value) => {
                self.by_flag.insert(spec.flag, value);
            }
        }
    }
}
