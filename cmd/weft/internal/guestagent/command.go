package guestagent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

const (
	maxCommands   = 1000 // of an agent; qemu-ga 10 has about 50
	maxInterfaces = 1000 // of a guest
	maxAddresses  = 1000 // of one interface
	maxName       = 15   // characters of an interface's name (IFNAMSIZ)
)

// info asks which commands the agent carries out.
func (c *Client) info(ctx context.Context) error {
	var info struct {
		Commands []struct {
			Name    string `json:"name"`
			Enabled bool   `json:"enabled"`
		} `json:"supported_commands"`
	}
	if err := c.call(ctx, "guest-info", nil, &info); err != nil {
		return err
	}
	if len(info.Commands) > maxCommands {
		return fmt.Errorf("guest-info: the guest agent has %d commands, more than %d", len(info.Commands), maxCommands)
	}
	c.enabled = map[string]bool{}
	for _, command := range info.Commands {
		c.enabled[command.Name] = command.Enabled
	}
	return nil
}

// Refused lists those of the commands that the agent says it does not carry out: it does not know them, or they are disabled.
func (c *Client) Refused(commands ...string) (refused []string) {
	for _, name := range commands {
		if !c.enabled[name] {
			refused = append(refused, name)
		}
	}
	return refused
}

// Interface is a NIC as the guest states it.
type Interface struct {
	Name      string // as the kernel allows it
	MAC       net.HardwareAddr
	Addresses []netip.Prefix
}

// Interfaces lists the guest's NICs that have a MAC. What is no name, MAC or address is left out.
func (c *Client) Interfaces(ctx context.Context) (list []Interface, err error) {
	var stated []struct {
		Name      string `json:"name"`
		MAC       string `json:"hardware-address"`
		Addresses []struct {
			Address string `json:"ip-address"`
			Prefix  int    `json:"prefix"`
		} `json:"ip-addresses"`
	}
	if err := c.call(ctx, "guest-network-get-interfaces", nil, &stated); err != nil {
		return nil, err
	}
	if len(stated) > maxInterfaces {
		return nil, fmt.Errorf("guest-network-get-interfaces: the guest has %d NICs, more than %d", len(stated), maxInterfaces)
	}
	for _, s := range stated {
		mac, err := net.ParseMAC(s.MAC)
		if err != nil || !isName(s.Name) {
			continue
		}
		if len(s.Addresses) > maxAddresses {
			return nil, errors.New("guest-network-get-interfaces: " + s.Name + " has too many addresses")
		}
		i := Interface{Name: s.Name, MAC: mac}
		for _, a := range s.Addresses {
			if addr, err := netip.ParseAddr(a.Address); err == nil {
				if p := netip.PrefixFrom(addr.WithZone(""), a.Prefix); p.IsValid() {
					i.Addresses = append(i.Addresses, p)
				}
			}
		}
		list = append(list, i)
	}
	return list, nil
}

// isName says that a NIC can have the name, and that no program takes it for an option or a shell for more than a word.
func isName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@"
	return name != "" && len(name) <= maxName && strings.Trim(name, letters) == "" && !strings.HasPrefix(name, "-") && !strings.HasPrefix(name, ".")
}
