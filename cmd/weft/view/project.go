package view

import "weft/model"

// project is the view of projects. They show only what every object shows.
func project() Kind {
	return Kind{Of: model.KindProject, Protected: true}
}
