package etcdschema

import (
	"encoding/json"
	"fmt"
)

// Encode writes a record as compact JSON. A []byte counts as encoded already.
func Encode(v any) ([]byte, error) {
	if raw, ok := v.([]byte); ok {
		return raw, nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return data, nil
}

// Decode reads a record tolerantly: unknown fields are ignored.
func Decode[T any](value []byte) (T, error) {
	var v T
	if len(value) > MaxValueBytes {
		return v, fmt.Errorf("%d bytes, at most %d are allowed", len(value), MaxValueBytes)
	}
	if err := json.Unmarshal(value, &v); err != nil {
		var zero T
		return zero, fmt.Errorf("decode %T: %w", v, err)
	}
	return v, nil
}
