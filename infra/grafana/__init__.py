"""Dashboards for Grafana as code: what they ask the views for analysts, and the files of it."""
