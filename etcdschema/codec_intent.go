package etcdschema

import (
	"bytes"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"

	"weft/model"
)

const (
	// MaxIntentBytes is the largest value of an intent key.
	MaxIntentBytes = 256 << 10
	// MaxValueBytes is the largest value of any other key.
	MaxValueBytes = 1 << 20
)

// DecodeIntent reads the value of an intent key strictly: JSON or YAML, no unknown fields. The key says project, kind
// and name; metadata, where present, must say the same.
func DecodeIntent(k Key, value []byte) (model.Object, error) {
	id, ok := ParseID(k)
	if !ok {
		return model.Object{}, fmt.Errorf("%s: not the key of an object: expected intent/<project>/<kind>/<name>", k)
	}
	if len(value) > MaxIntentBytes {
		return model.Object{}, fmt.Errorf("%s: %d bytes, at most %d are allowed", id, len(value), MaxIntentBytes)
	}
	data, err := yaml.YAMLToJSONStrict(value)
	if err != nil {
		return model.Object{}, fmt.Errorf("%s: %w", id, err)
	}
	var raw struct {
		APIVersion string          `json:"apiVersion"`
		Kind       string          `json:"kind"`
		Metadata   model.Metadata  `json:"metadata"`
		Spec       json.RawMessage `json:"spec"`
	}
	if err := strict(data, &raw); err != nil {
		return model.Object{}, fmt.Errorf("%s: %w", id, err)
	}
	spec := model.NewSpec(id.Kind)
	if len(raw.Spec) > 0 {
		if err := strict(raw.Spec, spec); err != nil {
			return model.Object{}, fmt.Errorf("%s: spec: %w", id, err)
		}
	}
	o := model.Object{APIVersion: model.APIVersion, Kind: id.Kind, Metadata: raw.Metadata, Spec: spec}
	o.Metadata.Name = id.Name
	if !id.Kind.ClusterScoped() {
		o.Metadata.Project = id.Project
	}
	return o, nil
}

func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
