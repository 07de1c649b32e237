//! A selector asked of a message.

use super::PROPERTY_VALUES;
use super::expression::{Arithmetic, Comparison, Expression};
use crate::openwire::{Message, PrimitiveMap, Text, Value};
use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// A message that selectors are evaluated for. Its properties are read once, when the first selector needs one.
#[derive(Debug)]
pub struct Subject<'m> {
    message: &'m Message,
    properties: Arc<OnceLock<Properties>>,
    /// The cost of the evaluation in progress, in steps, and what it may cost.
    cost: Cell<u32>,
    most: Cell<u32>,
}

/// A message's properties, found by name.
#[derive(Debug, Default)]
pub struct Properties {
    map: PrimitiveMap,
    /// The place of each name, if there are many.
    places: Option<HashMap<String, usize>>,
}

/// So many properties are looked through one by one.
const FEW: usize = 16;

impl Properties {
    fn of(message: &Message) -> Self {
        // Properties that cannot be read, or that have more values than selectors read, are none: the consumer finds out.
        let map = message.properties_within(PROPERTY_VALUES);
        let map = map.unwrap_or_default();
        let places = (map.len() > FEW).then(|| {
            // Of several of one name it is the last.
            let names = map.iter().map(|(name, _)| name.to_str_lossy().into_owned());
            names.zip(0..).collect()
        });
        Self { map, places }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        match &self.places {
            None => self.map.get(name),
            Some(places) => self.map.value_at(*places.get(name)?),
        }
    }
}

/// What an evaluation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Is the message selected?
    pub selected: bool,
    /// What it cost, in steps of about ten nanoseconds.
    pub cost: u32,
    /// Did it need more steps than it was given? Then the message is not selected.
    pub exhausted: bool,
}

/// A header's or property's value, or what is computed of it.
#[derive(Clone, Debug, PartialEq)]
enum Operand<'a> {
    Unknown,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
}

impl Operand<'_> {
    /// Returns the number of bytes of a text.
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Unknown | Self::Bool(_) | Self::Int(_) | Self::Float(_) => 0,
        }
    }
}

impl<'m> Subject<'m> {
    /// A message, to be asked.
    pub fn new(message: &'m Message) -> Self {
        Self::sharing(message, Arc::default())
    }

    /// A message whose properties are read once for several subjects.
    pub fn sharing(message: &'m Message, properties: Arc<OnceLock<Properties>>) -> Self {
        Self {
            message,
            properties,
            cost: Cell::new(0),
            most: Cell::new(0),
        }
    }

    pub(super) fn evaluate(&self, expression: &Expression, most: u32) -> Evaluation {
        self.cost.set(0);
        self.most.set(most);
        let selected = expression.condition(self) == Some(true);
        let cost = self.cost.get();
        let exhausted = cost > most;
        Evaluation {
            selected: selected && !exhausted,
            cost: cost.min(most),
            exhausted,
        }
    }

    /// Adds to the cost. Returns `false` if the evaluation costs too much, and then nothing more is to be computed.
    fn afford(&self, steps: u32) -> bool {
        let cost = self.cost.get().saturating_add(steps);
        self.cost.set(cost);
        cost <= self.most.get()
    }

    /// Adds the cost of reading a text of this many bytes.
    fn afford_text(&self, bytes: usize) -> bool {
        self.afford(u32::try_from(bytes / 32).unwrap_or(u32::MAX))
    }

    fn value(&self, name: &str) -> Operand<'_> {
        let headers = &self.message.headers;
        let text = |text: Option<String>| match text {
            Some(text) => Operand::Text(text.into()),
            None => Operand::Unknown,
        };
        match name {
            "JMSType" => lossy(&headers.jms_type),
            "JMSCorrelationID" => lossy(&headers.correlation_id),
            "JMSMessageID" => text(headers.message_id.as_ref().map(ToString::to_string)),
            "JMSTimestamp" => Operand::Int(headers.timestamp),
            "JMSPriority" => Operand::Int(headers.priority.into()),
            "JMSDeliveryMode" => Operand::Text(match headers.persistent {
                true => "PERSISTENT".into(),
                false => "NON_PERSISTENT".into(),
            }),
            "JMSReplyTo" => text(headers.reply_to.as_ref().map(ToString::to_string)),
            "JMSDestination" => text(headers.destination.as_ref().map(ToString::to_string)),
            "JMSExpiration" => Operand::Int(headers.expiration),
            "JMSRedelivered" => Operand::Bool(headers.redelivery_counter > 0),
            "JMSXGroupID" => lossy(&headers.group_id),
            "JMSXGroupSeq" => Operand::Int(headers.group_sequence.into()),
            "JMSXDeliveryCount" => Operand::Int(i64::from(headers.redelivery_counter) + 1),
            property => self.property(property),
        }
    }

    fn property(&self, name: &str) -> Operand<'_> {
        if self.properties.get().is_none() {
            // They are read whole: by their number, which they begin with, and their bytes.
            let bytes = self.message.marshalled_properties.as_ref();
            let bytes = bytes.map_or(&[][..], |bytes| bytes);
            let count = bytes
                .first_chunk()
                .map_or(0, |count| i32::from_be_bytes(*count));
            let count = usize::try_from(count)
                .unwrap_or(0)
                .min(PROPERTY_VALUES as usize);
            let steps = count * 10 + bytes.len() / 50;
            if !self.afford(u32::try_from(steps).unwrap_or(u32::MAX)) {
                return Operand::Unknown;
            }
        }
        let properties = self.properties.get_or_init(|| Properties::of(self.message));
        match properties.get(name) {
            Some(Value::Bool(it)) => Operand::Bool(*it),
            Some(Value::Byte(it)) => Operand::Int((*it).into()),
            Some(Value::Short(it)) => Operand::Int((*it).into()),
            Some(Value::Int(it)) => Operand::Int((*it).into()),
            Some(Value::Long(it)) => Operand::Int(*it),
            Some(Value::Float(it)) => Operand::Float((*it).into()),
            Some(Value::Double(it)) => Operand::Float(*it),
            Some(Value::Text(it)) => Operand::Text(it.to_str_lossy()),
            Some(
                Value::Null | Value::Char(_) | Value::Bytes(_) | Value::Map(_) | Value::List(_),
            )
            | None => Operand::Unknown,
        }
    }
}

fn lossy(text: &Option<Text>) -> Operand<'_> {
    match text {
        Some(text) => Operand::Text(text.to_str_lossy()),
        None => Operand::Unknown,
    }
}

impl Expression {
    /// True, false or unknown.
    pub(super) fn condition(&self, subject: &Subject<'_>) -> Option<bool> {
        if !subject.afford(1) {
            return None;
        }
        match self {
            Self::Not(inner) => inner.condition(subject).map(|is| !is),
            Self::All(inner) => settled(inner, subject, false),
            Self::Any(inner) => settled(inner, subject, true),
            Self::IsNull(inner) => Some(inner.operand(subject) == Operand::Unknown),
            Self::Compare(left, how, right) => {
                let (left, right) = (left.operand(subject), right.operand(subject));
                subject
                    .afford_text(left.bytes().min(right.bytes()))
                    .then_some(())?;
                compared(&left, *how, &right)
            }
            Self::Between(inner, bounds) => {
                let value = inner.operand(subject);
                let (low, high) = (bounds.0.operand(subject), bounds.1.operand(subject));
                let low = compared(&value, Comparison::AtLeast, &low);
                let high = compared(&value, Comparison::AtMost, &high);
                both(low, high)
            }
            Self::In(inner, texts) => match inner.operand(subject) {
                Operand::Text(text) => {
                    let bytes = texts.iter().map(|one| one.len().min(text.len()) + 32);
                    subject.afford_text(bytes.sum()).then_some(())?;
                    Some(texts.iter().any(|one| *one == text))
                }
                Operand::Unknown => None,
                Operand::Bool(_) | Operand::Int(_) | Operand::Float(_) => Some(false),
            },
            Self::Like(inner, pattern) => match inner.operand(subject) {
                Operand::Text(text) => {
                    subject.afford(pattern.cost(text.len())).then_some(())?;
                    Some(pattern.fits(&text))
                }
                Operand::Unknown => None,
                Operand::Bool(_) | Operand::Int(_) | Operand::Float(_) => Some(false),
            },
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Name(_)
            | Self::Minus(_)
            | Self::Sum(_, _) => match self.operand(subject) {
                Operand::Bool(is) => Some(is),
                Operand::Unknown | Operand::Int(_) | Operand::Float(_) | Operand::Text(_) => None,
            },
        }
    }

    fn operand<'a>(&'a self, subject: &'a Subject<'_>) -> Operand<'a> {
        if !subject.afford(1) {
            return Operand::Unknown;
        }
        match self {
            Self::Null => Operand::Unknown,
            Self::Bool(is) => Operand::Bool(*is),
            Self::Int(number) => Operand::Int(*number),
            Self::Float(number) => Operand::Float(*number),
            Self::Text(text) => Operand::Text(text.into()),
            Self::Name(name) => subject.value(name),
            Self::Minus(inner) => match inner.operand(subject) {
                Operand::Int(number) => Operand::Int(number.wrapping_neg()),
                Operand::Float(number) => Operand::Float(-number),
                Operand::Unknown | Operand::Bool(_) | Operand::Text(_) => Operand::Unknown,
            },
            Self::Sum(first, rest) => {
                let first = first.operand(subject);
                rest.iter().fold(first, |sum, (sign, next)| {
                    computed(&sum, *sign, &next.operand(subject))
                })
            }
            Self::Compare(_, _, _)
            | Self::Between(_, _)
            | Self::In(_, _)
            | Self::Like(_, _)
            | Self::IsNull(_)
            | Self::Not(_)
            | Self::All(_)
            | Self::Any(_) => match self.condition(subject) {
                Some(is) => Operand::Bool(is),
                None => Operand::Unknown,
            },
        }
    }
}

/// Of several conditions: one that is `decisive` decides, and an unknown one leaves it open.
fn settled(all: &[Expression], subject: &Subject<'_>, decisive: bool) -> Option<bool> {
    let mut open = false;
    for condition in all {
        match condition.condition(subject) {
            Some(is) if is == decisive => return Some(decisive),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!decisive)
}

fn both(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        (None, _) | (_, None) => None,
    }
}

/// Different kinds are never equal, nor different in a way that would select; numbers are compared as what they are.
fn compared(left: &Operand<'_>, how: Comparison, right: &Operand<'_>) -> Option<bool> {
    let ordering = match (left, right) {
        (Operand::Unknown, _) | (_, Operand::Unknown) => return None,
        (Operand::Int(left), Operand::Int(right)) => Some(left.cmp(right)),
        (Operand::Int(_) | Operand::Float(_), Operand::Int(_) | Operand::Float(_)) => {
            float(left)?.partial_cmp(&float(right)?)
        }
        (Operand::Text(left), Operand::Text(right)) => only_equal(how, left == right)?,
        (Operand::Bool(left), Operand::Bool(right)) => only_equal(how, left == right)?,
        (Operand::Bool(_) | Operand::Int(_) | Operand::Float(_) | Operand::Text(_), _) => {
            return Some(false);
        }
    };
    Some(match how {
        Comparison::Equal => ordering == Some(Ordering::Equal),
        Comparison::Different => ordering != Some(Ordering::Equal),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::AtMost => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::AtLeast => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    })
}

/// Texts and truths have no order: asked for it, the answer is unknown.
fn only_equal(how: Comparison, equal: bool) -> Option<Option<Ordering>> {
    match how {
        Comparison::Equal | Comparison::Different => Some(equal.then_some(Ordering::Equal)),
        Comparison::Less | Comparison::AtMost | Comparison::Greater | Comparison::AtLeast => None,
    }
}

fn float(operand: &Operand<'_>) -> Option<f64> {
    match operand {
        Operand::Int(number) => Some(*number as f64),
        Operand::Float(number) => Some(*number),
        Operand::Unknown | Operand::Bool(_) | Operand::Text(_) => None,
    }
}

/// As Java computes: whole numbers wrap around and divide to whole numbers.
fn computed<'a>(left: &Operand<'a>, sign: Arithmetic, right: &Operand<'a>) -> Operand<'a> {
    if let (Operand::Int(left), Operand::Int(right)) = (left, right) {
        return match sign {
            Arithmetic::Plus => Operand::Int(left.wrapping_add(*right)),
            Arithmetic::Minus => Operand::Int(left.wrapping_sub(*right)),
            Arithmetic::Times => Operand::Int(left.wrapping_mul(*right)),
            Arithmetic::Divided if *right == 0 => Operand::Unknown,
            Arithmetic::Divided => Operand::Int(left.wrapping_div(*right)),
        };
    }
    let (Some(left), Some(right)) = (float(left), float(right)) else {
        return Operand::Unknown;
    };
    Operand::Float(match sign {
        Arithmetic::Plus => left + right,
        Arithmetic::Minus => left - right,
        Arithmetic::Times => left * right,
        Arithmetic::Divided if right == 0.0 => return Operand::Unknown,
        Arithmetic::Divided => left / right,
    })
}
