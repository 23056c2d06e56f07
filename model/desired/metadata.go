package desired

import "weft/model"

// KindMetadata is what the guest of a port is configured with.
const KindMetadata Kind = "metadata"

// MetadataKind is the row of the kind in AllKinds.
func MetadataKind() ItemKind {
	return ItemKind{Kind: KindMetadata, New: func() Item { return &Metadata{} }, Secrets: []string{"userData"}}
}

// Metadata is what the guest of a port is configured with besides its name and its addresses. It is an item of its own because it is large,
// and because a change of it concerns nothing but the metadata service. A port without any of it has none. Only the nodes of the port get it,
// and only those with FeatureMetadata.
type Metadata struct {
	UID      string               `json:"uid"`                // of the port
	UserData []byte               `json:"userData,omitempty"` // it often contains passwords
	SSHKeys  []string             `json:"sshKeys,omitempty"`  // lines of authorized_keys
	Words    []model.MetadataItem `json:"metadata,omitempty"`
}

// Key implements Item.
func (m *Metadata) Key() Key { return Key{KindMetadata, m.UID} }

// Metadata finds what the guest of a port is configured with; nil when there is nothing.
func (c *NodeConfig) Metadata(port string) *Metadata {
	return find[*Metadata](c, Key{KindMetadata, port})
}
