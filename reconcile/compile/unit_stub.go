package compile

import "weft/model/desired"

func (c compiler) host(u *unitBuilder, h *desired.Host)       {}
func (c compiler) network(u *unitBuilder, n *desired.Network) {}
func (c compiler) port(u *unitBuilder, p *desired.Port)       {}
