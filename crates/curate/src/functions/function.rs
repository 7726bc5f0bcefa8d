//! What every function of a plan has in common, so that each of them is only its own work.

use crate::error::CurateError;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A function from columns to a column.
pub(crate) trait Function: Debug + Send + Sync + 'static {
    /// Its name in queries.
    fn name(&self) -> &'static str;

    /// What distinguishes it from the same function with other settings.
    fn settings(&self) -> String {
        String::new()
    }

    /// The types of its arguments; one text where nothing else is said.
    fn arguments(&self) -> Vec<DataType> {
        vec![DataType::Utf8]
    }

    /// What it gives for each row.
    fn returns(&self) -> DataType;

    /// One value per row.
    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError>;
}

/// A [`Function`] as DataFusion sees it.
#[derive(Debug)]
struct Udf {
    function: Arc<dyn Function>,
    signature: Signature,
}

impl PartialEq for Udf {
    fn eq(&self, other: &Self) -> bool {
        self.function.name() == other.function.name()
            && self.function.settings() == other.function.settings()
    }
}

impl Eq for Udf {}

impl Hash for Udf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name().hash(state);
        self.function.settings().hash(state);
    }
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.function.returns())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        Ok(ColumnarValue::Array(self.function.apply(&arrays)?))
    }
}

/// The function for DataFusion's registry.
pub(crate) fn udf(function: impl Function) -> Arc<ScalarUDF> {
    let arguments = function.arguments();
    let signature = Signature::exact(arguments, Volatility::Immutable);
    Arc::new(ScalarUDF::from(Udf { function: Arc::new(function), signature }))
}

/// The column of texts that a function was given.
pub(crate) fn texts(column: &ArrayRef) -> Result<&StringArray, CurateError> {
    column.as_any().downcast_ref::<StringArray>().ok_or_else(|| {
        let found = column.data_type();
        let message = format!("texts came as {found}, the signature says Utf8");
        CurateError::Engine(Box::new(DataFusionError::Internal(message)))
    })
}
