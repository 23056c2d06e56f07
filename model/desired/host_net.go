package desired

import "weft/model"

// HostNet is a guest's way to the services of its host; zero without one. It is comparable.
type HostNet struct {
	Mode model.HostNet `json:"mode"`
	// Device and MAC are those of the guest's NIC on the host network; empty with HostNetPiggyback.
	Device string    `json:"device,omitempty"`
	MAC    model.MAC `json:"mac,omitzero"`
}

// HostService is a TCP service of the node; see model.HostService.
type HostService struct {
	Name     string   `json:"name"`
	Port     uint16   `json:"port"`
	Target   string   `json:"target"`
	Projects []string `json:"projects,omitempty"` // sorted; all when empty
}
