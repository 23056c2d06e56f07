package model

import "fmt"

func (s *HostSpec) validate(c *checker) {
	if s.Driver != "" && s.Driver != DriverOVS {
		c.fail("spec.driver", "%s is not known: write %s or leave it out", quote(string(s.Driver)), DriverOVS)
	}
	if s.Bridge != "" {
		c.interfaceName("spec.bridge", s.Bridge)
	}
	networks, interfaces := make(map[string]int), map[string]int{s.BridgeName(): -1}
	for i, p := range s.PhysicalNetworks[:c.atMost("spec.physicalNetworks", len(s.PhysicalNetworks), MaxUplinks)] {
		at := fmt.Sprintf("spec.physicalNetworks[%d]", i)
		if c.name(at+".name", p.Name) {
			if first, ok := networks[p.Name]; ok {
				c.fail(at+".name", "%q is mapped already by spec.physicalNetworks[%d]: keep one", p.Name, first)
			}
			networks[p.Name] = i
		}
		c.interfaceName(at+".interface", p.Interface)
		if first, ok := interfaces[p.Interface]; ok && first < 0 {
			c.fail(at+".interface", "%q is the host's bridge: name the network card", p.Interface)
		} else if ok {
			c.fail(at+".interface", "%q is used already by spec.physicalNetworks[%d]: each physical network needs its own", p.Interface, first)
		}
		if _, ok := interfaces[p.Interface]; !ok {
			interfaces[p.Interface] = i
		}
	}
}

// BridgeName is the bridge that Weft owns on the host, the default filled in.
func (s *HostSpec) BridgeName() string {
	if s.Bridge == "" {
		return DefaultBridge
	}
	return s.Bridge
}

func (s *HostSpec) validateRefs(*refChecker) {}
