//! string_agg and array_agg.

use std::sync::Arc;

use ecow::EcoString;
use types::{ArrayValue, Datum, Oid, Result};

use super::RowAggregate;

/// string_agg over text or bytea.
#[derive(Default)]
pub(super) struct StringAgg {
    value: Option<Joined>,
}

enum Joined {
    Text(EcoString),
    Bytes(Vec<u8>),
}

impl RowAggregate for StringAgg {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        match (args.first(), args.get(1)) {
            (Some(Datum::Text(text)), delimiter) => match &mut self.value {
                Some(Joined::Text(joined)) => {
                    if let Some(Datum::Text(delimiter)) = delimiter {
                        joined.push_str(delimiter);
                    }
                    joined.push_str(text);
                }
                Some(Joined::Bytes(_)) | None => self.value = Some(Joined::Text(text.clone())),
            },
            (Some(Datum::Bytes(bytes)), delimiter) => match &mut self.value {
                Some(Joined::Bytes(joined)) => {
                    if let Some(Datum::Bytes(delimiter)) = delimiter {
                        joined.extend(delimiter.iter());
                    }
                    joined.extend(bytes.iter());
                }
                Some(Joined::Text(_)) | None => self.value = Some(Joined::Bytes(bytes.to_vec())),
            },
            _ => {}
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(match &self.value {
            None => Datum::Null,
            Some(Joined::Text(text)) => Datum::Text(text.clone()),
            Some(Joined::Bytes(bytes)) => Datum::Bytes(bytes.as_slice().into()),
        })
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, _state: &[Datum]) -> Result<()> {
        Ok(())
    }
}

/// array_agg over values that are not arrays.
pub(super) struct ArrayAgg {
    element_type: Oid,
    elements: Vec<Datum>,
}

impl ArrayAgg {
    pub(super) fn new(element_type: Oid) -> Self {
        Self { element_type, elements: Vec::new() }
    }
}

impl RowAggregate for ArrayAgg {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        self.elements.push(args.first().cloned().unwrap_or_default());
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        if self.elements.is_empty() {
            return Ok(Datum::Null);
        }
        Ok(Datum::Array(Arc::new(ArrayValue::one_dimensional(self.element_type, self.elements.clone()))))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, _state: &[Datum]) -> Result<()> {
        Ok(())
    }
}
