package view

import (
	"fmt"
	"strings"
	"time"

	"weft/model"
)

// securityGroup is the view of security groups: what their rules allow.
func securityGroup() Kind {
	return Kind{
		Of: model.KindSecurityGroup,
		Columns: []Column{
			{Header: "INGRESS", Cell: cell(func(s *model.SecurityGroupSpec, _ Entry) string { return ruleCount(s, model.DirectionIngress) })},
			{Header: "EGRESS", Cell: cell(func(s *model.SecurityGroupSpec, _ Entry) string { return ruleCount(s, model.DirectionEgress) })},
			{Header: "DESCRIPTION", Wide: cell(func(s *model.SecurityGroupSpec, _ Entry) string { return s.Description })},
		},
		Facts:     securityGroupFacts,
		Protected: true,
	}
}

// ruleCount is the number of rules in one direction.
func ruleCount(s *model.SecurityGroupSpec, d model.Direction) string {
	n := 0
	for _, r := range s.Rules {
		if r.Direction == d {
			n++
		}
	}
	return fmt.Sprint(n)
}

func securityGroupFacts(e Entry, _ Records, _ time.Time) []Fact {
	s, ok := e.Object.Spec.(*model.SecurityGroupSpec)
	if !ok {
		return nil
	}
	facts := []Fact{{"description", s.Description}}
	for i, r := range s.Rules {
		facts = append(facts, Fact{fmt.Sprintf("rule %d", i), ruleText(r)})
	}
	return facts
}

// ruleText is "ingress tcp 80-81 IPv6 from 2001:db8::/32 (web)".
func ruleText(r model.SecurityGroupRule) string {
	words := []string{string(r.Direction)}
	switch {
	case r.Protocol == "":
		words = append(words, "any protocol")
	case r.Protocol.HasPorts() || r.Protocol.IsICMP():
		words = append(words, string(r.Protocol))
	default:
		words = append(words, "protocol", string(r.Protocol))
	}
	if r.Port != (model.PortRange{}) {
		words = append(words, r.Port.String())
	}
	if r.ICMPType != nil {
		words = append(words, fmt.Sprintf("type %d", *r.ICMPType))
	}
	if r.ICMPCode != nil {
		words = append(words, fmt.Sprintf("code %d", *r.ICMPCode))
	}
	if families := r.Families(); len(families) == 1 {
		words = append(words, string(families[0]))
	}
	side := "from"
	if r.Direction == model.DirectionEgress {
		side = "to"
	}
	switch {
	case r.RemoteCIDR.IsValid():
		words = append(words, side, r.RemoteCIDR.String())
	case r.RemoteGroup != "":
		words = append(words, side, "group", r.RemoteGroup)
	}
	text := strings.Join(words, " ")
	if r.Description != "" {
		text += " (" + r.Description + ")"
	}
	return text
}
