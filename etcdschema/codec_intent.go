package etcdschema

import (
	"fmt"

	"weft/model"
)

const (
	// MaxIntentBytes is the largest value of an intent key.
	MaxIntentBytes = model.MaxIntentBytes
	// MaxValueBytes is the largest value of any other key.
	MaxValueBytes = 1 << 20
)

// DecodeIntent reads the value of an intent key strictly: JSON or YAML, no unknown fields, validated. The key determines project,
// kind and name. Metadata in the value must not contradict it. The error is a model.Errors, except for a key that names no object.
func DecodeIntent(k Key, value []byte) (model.Object, error) {
	id, ok := ParseID(k)
	if !ok {
		return model.Object{}, fmt.Errorf("%q: not the key of an object: expected intent/<project>/<kind>/<name>, "+
			"with project _ for cluster-wide kinds", k.path)
	}
	return model.DecodeIntent(id, value)
}
