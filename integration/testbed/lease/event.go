package lease

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
)

// Event is an event that a DHCP client gave to its script. It is sent after the script has carried it out.
type Event struct {
	Guest  string // the name of the guest's folder
	Client string // Udhcpc or Dhclient
	Reason string // the client's own word: "bound", "BOUND6" …
	Values map[string]string
}

// String writes the event as sorted lines of key=value under its reason.
func (e Event) String() string {
	var w strings.Builder
	fmt.Fprintf(&w, "reason=%s\n", e.Reason)
	for _, k := range slices.Sorted(maps.Keys(e.Values)) {
		fmt.Fprintf(&w, "%s=%s\n", k, e.Values[k])
	}
	return w.String()
}

// send is a client's script's side: it sends the event to the testbed's datagram socket.
func (e Event) send(path string) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("lease: event: %w", err)
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		return fmt.Errorf("lease: event: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		return fmt.Errorf("lease: event: %w", err)
	}
	return nil
}
