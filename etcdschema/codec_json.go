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
	if err := DecodeInto(value, &v); err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// DecodeInto is Decode for a record whose type only the caller knows. v is a pointer to it. After an error v is not usable.
func DecodeInto(value []byte, v any) error {
	if len(value) > MaxValueBytes {
		return fmt.Errorf("%d bytes, at most %d are allowed", len(value), MaxValueBytes)
	}
	if err := json.Unmarshal(value, v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}
