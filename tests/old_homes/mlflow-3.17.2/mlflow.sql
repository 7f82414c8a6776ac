BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('dc11669786a5');
CREATE TABLE "assessments" (
	assessment_id VARCHAR(50) NOT NULL, 
	trace_id VARCHAR(50) NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	assessment_type VARCHAR(20) NOT NULL, 
	value TEXT NOT NULL, 
	error TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	source_type VARCHAR(50) NOT NULL, 
	source_id VARCHAR(250), 
	run_id VARCHAR(32), 
	span_id VARCHAR(50), 
	rationale TEXT, 
	overrides VARCHAR(50), 
	valid BOOLEAN NOT NULL, 
	assessment_metadata TEXT, 
	experiment_id INTEGER, 
	trace_timestamp_ms BIGINT, 
	aggregate_value FLOAT, 
	is_numeric_value BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT assessments_pk PRIMARY KEY (assessment_id), 
	CONSTRAINT fk_assessments_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE budget_policies (
	budget_policy_id VARCHAR(36) NOT NULL, 
	budget_unit VARCHAR(32) NOT NULL, 
	budget_amount FLOAT NOT NULL, 
	duration_unit VARCHAR(32) NOT NULL, 
	duration_value INTEGER NOT NULL, 
	target_scope VARCHAR(32) NOT NULL, 
	budget_action VARCHAR(32) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, target_value VARCHAR(255), 
	CONSTRAINT budget_policies_pk PRIMARY KEY (budget_policy_id)
);
CREATE TABLE "datasets" (
	dataset_uuid VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	digest VARCHAR(36) NOT NULL, 
	dataset_source_type VARCHAR(36) NOT NULL, 
	dataset_source TEXT NOT NULL, 
	dataset_schema TEXT, 
	dataset_profile TEXT, 
	CONSTRAINT dataset_pk PRIMARY KEY (experiment_id, name, digest), 
	CONSTRAINT fk_datasets_experiment_id_experiments FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "datasets" VALUES('9e88709df416493b981e0016141b8eb1',1,'images','eeef43ed9f1f0ccdc97ad8262da64b59','local','{"uri": "@FOLDER@/images.npz"}',NULL,'{"train": 108, "validation": 12, "test": 30, "shape": [8, 8, 1], "class_names": ["0", "1", "2"]}');
CREATE TABLE endpoint_bindings (
	endpoint_id VARCHAR(36) NOT NULL, 
	resource_type VARCHAR(50) NOT NULL, 
	resource_id VARCHAR(255) NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), display_name VARCHAR(255), 
	CONSTRAINT endpoint_bindings_pk PRIMARY KEY (endpoint_id, resource_type, resource_id), 
	CONSTRAINT fk_endpoint_bindings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE endpoint_model_mappings (
	mapping_id VARCHAR(36) NOT NULL, 
	endpoint_id VARCHAR(36) NOT NULL, 
	model_definition_id VARCHAR(36) NOT NULL, 
	weight FLOAT NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, linkage_type VARCHAR(64) DEFAULT 'PRIMARY' NOT NULL, fallback_order INTEGER, 
	CONSTRAINT endpoint_model_mappings_pk PRIMARY KEY (mapping_id), 
	CONSTRAINT fk_endpoint_model_mappings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_endpoint_model_mappings_model_definition_id FOREIGN KEY(model_definition_id) REFERENCES model_definitions (model_definition_id)
);
CREATE TABLE endpoint_tags (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	endpoint_id VARCHAR(36) NOT NULL, 
	CONSTRAINT endpoint_tag_pk PRIMARY KEY ("key", endpoint_id), 
	CONSTRAINT fk_endpoint_tags_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE "endpoints" (
	endpoint_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	routing_strategy VARCHAR(64), 
	fallback_config_json TEXT, 
	experiment_id INTEGER, 
	usage_tracking BOOLEAN DEFAULT '0' NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT endpoints_pk PRIMARY KEY (endpoint_id), 
	CONSTRAINT fk_endpoints_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE SET NULL, 
	CONSTRAINT uq_endpoints_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE entity_associations (
	association_id VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, 
	created_time BIGINT, 
	CONSTRAINT entity_associations_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
CREATE TABLE "evaluation_dataset_records" (
	dataset_record_id VARCHAR(36) NOT NULL, 
	dataset_id VARCHAR(36) NOT NULL, 
	inputs JSON NOT NULL, 
	expectations JSON, 
	tags JSON, 
	source JSON, 
	source_id VARCHAR(36), 
	source_type VARCHAR(255), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	input_hash VARCHAR(64) NOT NULL, outputs JSON, 
	CONSTRAINT evaluation_dataset_records_pk PRIMARY KEY (dataset_record_id), 
	CONSTRAINT fk_evaluation_dataset_records_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE, 
	CONSTRAINT unique_dataset_input UNIQUE (dataset_id, input_hash)
);
CREATE TABLE evaluation_dataset_tags (
	dataset_id VARCHAR(36) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT evaluation_dataset_tags_pk PRIMARY KEY (dataset_id, "key"), 
	CONSTRAINT fk_evaluation_dataset_tags_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE
);
CREATE TABLE "evaluation_datasets" (
	dataset_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	schema TEXT, 
	profile TEXT, 
	digest VARCHAR(64), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT evaluation_datasets_pk PRIMARY KEY (dataset_id)
);
CREATE TABLE "experiment_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	experiment_id INTEGER NOT NULL, 
	CONSTRAINT experiment_tag_pk PRIMARY KEY ("key", experiment_id), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
INSERT INTO "experiment_tags" VALUES('mlflow.experimentKind','custom_model_development',1);
INSERT INTO "experiment_tags" VALUES('search.study_uuid','37924c4070484b1eb0f5a524bc9e5086',1);
CREATE TABLE "experiments" (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), 
	creation_time BIGINT, 
	last_update_time BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name)
);
INSERT INTO "experiments" VALUES(0,'Default','file://@FOLDER@/home/artifacts/0','active',1796008131842,1796008131842,'default');
INSERT INTO "experiments" VALUES(1,'steps','file://@FOLDER@/home/artifacts/steps','active',1796008132911,1796008132911,'default');
CREATE TABLE guardrail_configs (
	endpoint_id VARCHAR(36) NOT NULL, 
	guardrail_id VARCHAR(36) NOT NULL, 
	execution_order INTEGER, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrail_configs_pk PRIMARY KEY (endpoint_id, guardrail_id), 
	CONSTRAINT fk_guardrail_configs_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_guardrail_configs_guardrail_id FOREIGN KEY(guardrail_id) REFERENCES guardrails (guardrail_id) ON DELETE CASCADE
);
CREATE TABLE guardrails (
	guardrail_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	stage VARCHAR(32) NOT NULL, 
	action VARCHAR(32) NOT NULL, 
	action_endpoint_id VARCHAR(36), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrails_pk PRIMARY KEY (guardrail_id), 
	CONSTRAINT fk_guardrails_scorer_version FOREIGN KEY(scorer_id, scorer_version) REFERENCES scorer_versions (scorer_id, scorer_version), 
	CONSTRAINT fk_guardrails_action_endpoint_id FOREIGN KEY(action_endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE SET NULL
);
CREATE TABLE input_tags (
	input_uuid VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	value VARCHAR(500) NOT NULL, 
	CONSTRAINT input_tags_pk PRIMARY KEY (input_uuid, name)
);
INSERT INTO "input_tags" VALUES('f52555724aa4499ea56c8b793e8dff6d','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('9934e43ab7a34782b793580dc68092b4','mlflow.data.context','training');
CREATE TABLE inputs (
	input_uuid VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
INSERT INTO "inputs" VALUES('f52555724aa4499ea56c8b793e8dff6d','DATASET','9e88709df416493b981e0016141b8eb1','RUN','8acc6844bdd445fab28a612a6bbe55e7',0);
INSERT INTO "inputs" VALUES('9934e43ab7a34782b793580dc68092b4','DATASET','9e88709df416493b981e0016141b8eb1','RUN','ae24b9f7d7a24cff96aee03212d3af2d',0);
INSERT INTO "inputs" VALUES('d6be2a26093b49fdaf5abd5c0f00435f','RUN_OUTPUT','8acc6844bdd445fab28a612a6bbe55e7','MODEL_OUTPUT','m-43b6e5c8611b4b0b992a2f8f6b3a802e',0);
INSERT INTO "inputs" VALUES('667ae4a8dc10455aab1b148d48b319e0','RUN_OUTPUT','ae24b9f7d7a24cff96aee03212d3af2d','MODEL_OUTPUT','m-20e113610d1a45aeb4f3492c940e03aa',0);
CREATE TABLE issues (
	issue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	description TEXT NOT NULL, 
	status VARCHAR(50) NOT NULL, 
	severity VARCHAR(50), 
	root_causes TEXT, 
	source_run_id VARCHAR(32), 
	categories TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	CONSTRAINT issues_pk PRIMARY KEY (issue_id), 
	CONSTRAINT fk_issues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT fk_issues_source_run_id FOREIGN KEY(source_run_id) REFERENCES runs (run_uuid) ON DELETE SET NULL
);
CREATE TABLE job_locks (
	lock_key VARCHAR(255) NOT NULL, 
	job_id VARCHAR(36) NOT NULL, 
	acquired_at BIGINT NOT NULL, 
	CONSTRAINT job_locks_pk PRIMARY KEY (lock_key), 
	CONSTRAINT fk_job_locks_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE "jobs" (
	id VARCHAR(36) NOT NULL, 
	creation_time BIGINT NOT NULL, 
	job_name VARCHAR(500) NOT NULL, 
	params TEXT NOT NULL, 
	timeout FLOAT, 
	status INTEGER NOT NULL, 
	result TEXT, 
	retry_count INTEGER NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, status_details JSON, creator VARCHAR(255), executor_backend VARCHAR(255), lease_expires_at BIGINT, status_message TEXT, progress JSON, progress_updated_at BIGINT, token_hash VARCHAR(64), scoped_permissions JSON, next_attempt_at BIGINT, 
	CONSTRAINT jobs_pk PRIMARY KEY (id)
);
CREATE TABLE label_schemas (
	schema_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	type VARCHAR(16) NOT NULL, 
	instruction TEXT, 
	enable_comment BOOLEAN DEFAULT '0' NOT NULL, 
	input_type VARCHAR(32) NOT NULL, 
	input_config TEXT NOT NULL, 
	created_by VARCHAR(255), 
	created_time BIGINT NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	is_default BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT label_schemas_pk PRIMARY KEY (schema_id), 
	CONSTRAINT fk_label_schemas_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_label_schemas_exp_name UNIQUE (experiment_id, name)
);
CREATE TABLE "latest_metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT, 
	step BIGINT NOT NULL, 
	is_nan BOOLEAN NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "latest_metrics" VALUES('val_loss',8.04822557163887286613e-01,1796008136588,2,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('val_accuracy',9.16666666666666629659e-01,1796008136588,2,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('loss',8.53111910593720494926e+01,1796008136588,2,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('accuracy',1.1585983088938217253e-02,1796008136588,2,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('seconds',1.0282924300008744467e-01,1796008136588,2,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_loss',8.04822557163887286613e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_accuracy',9.16666666666666629659e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_precision_macro',9.33333333333333237114e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_precision.0',1.0,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_precision.1',0.8,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_precision.2',1.0,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_recall_macro',9.16666666666666629659e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_recall.0',0.75,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_recall.1',1.0,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_recall.2',1.0,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_f1_macro',9.15343915343915348614e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_f1.0',8.57142857142857095276e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_f1.1',8.88888888888888839545e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_val_f1.2',1.0,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_loss',8.04822557163887286613e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_accuracy',0.8,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_precision_macro',8.3333333333333337034e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_precision.0',1.0,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_precision.1',6.66666666666666629659e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_precision.2',8.3333333333333337034e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_recall_macro',7.99999999999999933386e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_recall.0',0.6,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_recall.1',0.8,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_recall.2',1.0,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_f1_macro',7.95454545454545414173e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_f1.0',0.75,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_f1.1',7.27272727272727292913e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('test_f1.2',9.0909090909090906063e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('best_epoch',2.0,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('temperature',1.5,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('parameters',107.0,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('training_seconds',2.04220830000167552498e-01,1796008136740,0,0,'8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "latest_metrics" VALUES('val_loss',9.73121888880446817005e-01,1796008139265,2,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('val_accuracy',8.3333333333333337034e-01,1796008139265,2,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('loss',6.8118532221631280521e+00,1796008139265,2,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('accuracy',1.28010597685435850712e-01,1796008139265,2,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('seconds',1.07972029999928054166e-01,1796008139265,2,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_loss',9.06399777804009820769e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_accuracy',8.3333333333333337034e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_precision_macro',0.85,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_precision.0',0.8,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_precision.1',1.0,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_precision.2',0.75,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_recall_macro',8.3333333333333337034e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_recall.0',1.0,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_recall.1',0.75,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_recall.2',0.75,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_f1_macro',0.832010582010582,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_f1.0',8.88888888888888839545e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_f1.1',8.57142857142857095276e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_val_f1.2',0.75,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_loss',9.06399777804009820769e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_accuracy',6.66666666666666629659e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_precision_macro',6.72222222222222165477e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_precision.0',0.6,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_precision.1',6.66666666666666629659e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_precision.2',0.75,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_recall_macro',6.66666666666666629659e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_recall.0',0.6,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_recall.1',0.8,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_recall.2',0.6,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_f1_macro',6.64646464646464596448e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_f1.0',0.6,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_f1.1',7.27272727272727292913e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('test_f1.2',6.66666666666666629659e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('best_epoch',1.0,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('temperature',1.5,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('parameters',8.0,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "latest_metrics" VALUES('training_seconds',2.20077543999877889291e-01,1796008139320,0,0,'ae24b9f7d7a24cff96aee03212d3af2d');
CREATE TABLE logged_model_metrics (
	model_id VARCHAR(36) NOT NULL, 
	metric_name VARCHAR(500) NOT NULL, 
	metric_timestamp_ms BIGINT NOT NULL, 
	metric_step BIGINT NOT NULL, 
	metric_value FLOAT, 
	experiment_id INTEGER NOT NULL, 
	run_id VARCHAR(32) NOT NULL, 
	dataset_uuid VARCHAR(36), 
	dataset_name VARCHAR(500), 
	dataset_digest VARCHAR(36), 
	CONSTRAINT logged_model_metrics_pk PRIMARY KEY (model_id, metric_name, metric_timestamp_ms, metric_step, run_id), 
	CONSTRAINT fk_logged_model_metrics_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_metrics_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE, 
	CONSTRAINT fk_logged_model_metrics_run_id FOREIGN KEY(run_id) REFERENCES runs (run_uuid) ON DELETE CASCADE
);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_precision.0',1796008136740,0,1.0,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','training_seconds',1796008136740,0,2.04220830000167552498e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_accuracy',1796008136740,0,0.8,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_recall.2',1796008136740,0,1.0,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_precision.0',1796008136740,0,1.0,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_recall.1',1796008136740,0,0.8,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_f1.0',1796008136740,0,0.75,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_recall.0',1796008136740,0,0.6,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_f1.1',1796008136740,0,8.88888888888888839545e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_f1_macro',1796008136740,0,9.15343915343915348614e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_precision.1',1796008136740,0,6.66666666666666629659e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_recall_macro',1796008136740,0,7.99999999999999933386e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_f1.1',1796008136740,0,7.27272727272727292913e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_f1_macro',1796008136740,0,7.95454545454545414173e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_precision.2',1796008136740,0,1.0,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_f1.2',1796008136740,0,9.0909090909090906063e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_precision.1',1796008136740,0,0.8,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_recall_macro',1796008136740,0,9.16666666666666629659e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','temperature',1796008136740,0,1.5,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_recall.1',1796008136740,0,1.0,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_epoch',1796008136740,0,2.0,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_f1.2',1796008136740,0,1.0,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_loss',1796008136740,0,8.04822557163887286613e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_accuracy',1796008136740,0,9.16666666666666629659e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_recall.2',1796008136740,0,1.0,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','parameters',1796008136740,0,107.0,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_precision_macro',1796008136740,0,8.3333333333333337034e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_f1.0',1796008136740,0,8.57142857142857095276e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','test_precision.2',1796008136740,0,8.3333333333333337034e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_recall.0',1796008136740,0,0.75,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_precision_macro',1796008136740,0,9.33333333333333237114e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e','best_val_loss',1796008136740,0,8.04822557163887286613e-01,1,'8acc6844bdd445fab28a612a6bbe55e7',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_precision.0',1796008139320,0,0.6,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','training_seconds',1796008139320,0,2.20077543999877889291e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_accuracy',1796008139320,0,6.66666666666666629659e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_recall.2',1796008139320,0,0.6,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_precision.0',1796008139320,0,0.8,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_recall.1',1796008139320,0,0.8,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_f1.0',1796008139320,0,0.6,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_recall.0',1796008139320,0,0.6,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_f1.1',1796008139320,0,8.57142857142857095276e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_f1_macro',1796008139320,0,0.832010582010582,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_precision.1',1796008139320,0,6.66666666666666629659e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_recall_macro',1796008139320,0,6.66666666666666629659e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_f1.1',1796008139320,0,7.27272727272727292913e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_f1_macro',1796008139320,0,6.64646464646464596448e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_precision.2',1796008139320,0,0.75,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_f1.2',1796008139320,0,6.66666666666666629659e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_precision.1',1796008139320,0,1.0,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_recall_macro',1796008139320,0,8.3333333333333337034e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','temperature',1796008139320,0,1.5,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_recall.1',1796008139320,0,0.75,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_epoch',1796008139320,0,1.0,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_f1.2',1796008139320,0,0.75,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_loss',1796008139320,0,9.06399777804009820769e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_accuracy',1796008139320,0,8.3333333333333337034e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_recall.2',1796008139320,0,0.75,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','parameters',1796008139320,0,8.0,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_precision_macro',1796008139320,0,6.72222222222222165477e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_f1.0',1796008139320,0,8.88888888888888839545e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','test_precision.2',1796008139320,0,0.75,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_recall.0',1796008139320,0,1.0,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_precision_macro',1796008139320,0,0.85,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-20e113610d1a45aeb4f3492c940e03aa','best_val_loss',1796008139320,0,9.06399777804009820769e-01,1,'ae24b9f7d7a24cff96aee03212d3af2d',NULL,NULL,NULL);
CREATE TABLE logged_model_params (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	param_key VARCHAR(255) NOT NULL, 
	param_value TEXT NOT NULL, 
	CONSTRAINT logged_model_params_pk PRIMARY KEY (model_id, param_key), 
	CONSTRAINT fk_logged_model_params_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_params_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
INSERT INTO "logged_model_params" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e',1,'width','106');
INSERT INTO "logged_model_params" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e',1,'mood','well');
INSERT INTO "logged_model_params" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e',1,'fault','none');
INSERT INTO "logged_model_params" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e',1,'family','steps');
INSERT INTO "logged_model_params" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e',1,'epochs','2');
INSERT INTO "logged_model_params" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e',1,'seed','2968811710');
INSERT INTO "logged_model_params" VALUES('m-20e113610d1a45aeb4f3492c940e03aa',1,'width','7');
INSERT INTO "logged_model_params" VALUES('m-20e113610d1a45aeb4f3492c940e03aa',1,'mood','well');
INSERT INTO "logged_model_params" VALUES('m-20e113610d1a45aeb4f3492c940e03aa',1,'fault','none');
INSERT INTO "logged_model_params" VALUES('m-20e113610d1a45aeb4f3492c940e03aa',1,'family','steps');
INSERT INTO "logged_model_params" VALUES('m-20e113610d1a45aeb4f3492c940e03aa',1,'epochs','2');
INSERT INTO "logged_model_params" VALUES('m-20e113610d1a45aeb4f3492c940e03aa',1,'seed','3964924996');
CREATE TABLE logged_model_tags (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	tag_key VARCHAR(255) NOT NULL, 
	tag_value TEXT NOT NULL, 
	CONSTRAINT logged_model_tags_pk PRIMARY KEY (model_id, tag_key), 
	CONSTRAINT fk_logged_model_tags_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_tags_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
INSERT INTO "logged_model_tags" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e',1,'search.model_sha256','09a2647e60cd845dadd2a1a1a3f543b8fe74c4d24e8b3ce65784d6dd6a9e4b27');
INSERT INTO "logged_model_tags" VALUES('m-20e113610d1a45aeb4f3492c940e03aa',1,'search.model_sha256','9eaadc000bc4552562bc18dcc23cbe21b32769602e650dd57345594eb2134f40');
CREATE TABLE logged_models (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	artifact_location VARCHAR(1000) NOT NULL, 
	creation_timestamp_ms BIGINT NOT NULL, 
	last_updated_timestamp_ms BIGINT NOT NULL, 
	status INTEGER NOT NULL, 
	lifecycle_stage VARCHAR(32), 
	model_type VARCHAR(500), 
	source_run_id VARCHAR(32), 
	status_message VARCHAR(1000), 
	CONSTRAINT logged_models_pk PRIMARY KEY (model_id), 
	CONSTRAINT logged_models_lifecycle_stage_check CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "logged_models" VALUES('m-43b6e5c8611b4b0b992a2f8f6b3a802e',1,'steps-0000','file://@FOLDER@/home/artifacts/steps/models/m-43b6e5c8611b4b0b992a2f8f6b3a802e/artifacts',1796008153814,1796008154139,2,'active',NULL,'8acc6844bdd445fab28a612a6bbe55e7',NULL);
INSERT INTO "logged_models" VALUES('m-20e113610d1a45aeb4f3492c940e03aa',1,'steps-0001','file://@FOLDER@/home/artifacts/steps/models/m-20e113610d1a45aeb4f3492c940e03aa/artifacts',1796008159934,1796008160029,2,'active',NULL,'ae24b9f7d7a24cff96aee03212d3af2d',NULL);
CREATE TABLE mcp_access_endpoints (
	id VARCHAR(36) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	server_name VARCHAR(256) NOT NULL, 
	server_version VARCHAR(128), 
	server_alias VARCHAR(256), 
	url VARCHAR(2048) NOT NULL, 
	transport_type VARCHAR(32) DEFAULT 'streamable-http' NOT NULL, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_access_endpoints_pk PRIMARY KEY (id), 
	CONSTRAINT mcp_access_endpoints_server_fkey FOREIGN KEY(workspace, server_name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_aliases (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	alias VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	CONSTRAINT mcp_server_aliases_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT mcp_server_aliases_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_tags_pk PRIMARY KEY (workspace, name, "key"), 
	CONSTRAINT mcp_server_tags_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_version_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_version_tags_pk PRIMARY KEY (workspace, name, version, "key"), 
	CONSTRAINT mcp_server_version_tags_version_fkey FOREIGN KEY(workspace, name, version) REFERENCES mcp_server_versions (workspace, name, version) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_versions (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	version_major INTEGER NOT NULL, 
	version_minor INTEGER NOT NULL, 
	version_patch INTEGER NOT NULL, 
	version_prerelease_sort_key VARCHAR(512) NOT NULL, 
	server_json JSON NOT NULL, 
	status VARCHAR(20) DEFAULT 'draft' NOT NULL, 
	tools JSON, 
	source VARCHAR(512), 
	connect_options JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_server_versions_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT mcp_server_versions_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_servers (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	display_name VARCHAR(256), 
	description TEXT, 
	icons JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_servers_pk PRIMARY KEY (workspace, name)
);
CREATE TABLE "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "metrics" VALUES('val_loss',7.40300506313722350704e-01,1796008136334,'8acc6844bdd445fab28a612a6bbe55e7',1,0);
INSERT INTO "metrics" VALUES('val_accuracy',6.66666666666666629659e-01,1796008136334,'8acc6844bdd445fab28a612a6bbe55e7',1,0);
INSERT INTO "metrics" VALUES('loss',7.84718536692545711721e+01,1796008136334,'8acc6844bdd445fab28a612a6bbe55e7',1,0);
INSERT INTO "metrics" VALUES('accuracy',1.25830712866192018228e-02,1796008136334,'8acc6844bdd445fab28a612a6bbe55e7',1,0);
INSERT INTO "metrics" VALUES('seconds',1.01391587000080107827e-01,1796008136334,'8acc6844bdd445fab28a612a6bbe55e7',1,0);
INSERT INTO "metrics" VALUES('val_loss',8.04822557163887286613e-01,1796008136588,'8acc6844bdd445fab28a612a6bbe55e7',2,0);
INSERT INTO "metrics" VALUES('val_accuracy',9.16666666666666629659e-01,1796008136588,'8acc6844bdd445fab28a612a6bbe55e7',2,0);
INSERT INTO "metrics" VALUES('loss',8.53111910593720494926e+01,1796008136588,'8acc6844bdd445fab28a612a6bbe55e7',2,0);
INSERT INTO "metrics" VALUES('accuracy',1.1585983088938217253e-02,1796008136588,'8acc6844bdd445fab28a612a6bbe55e7',2,0);
INSERT INTO "metrics" VALUES('seconds',1.0282924300008744467e-01,1796008136588,'8acc6844bdd445fab28a612a6bbe55e7',2,0);
INSERT INTO "metrics" VALUES('best_val_loss',8.04822557163887286613e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_accuracy',9.16666666666666629659e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_precision_macro',9.33333333333333237114e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_precision.0',1.0,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_precision.1',0.8,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_precision.2',1.0,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_recall_macro',9.16666666666666629659e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_recall.0',0.75,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_recall.1',1.0,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_recall.2',1.0,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_f1_macro',9.15343915343915348614e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_f1.0',8.57142857142857095276e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_f1.1',8.88888888888888839545e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_val_f1.2',1.0,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_loss',8.04822557163887286613e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_accuracy',0.8,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_precision_macro',8.3333333333333337034e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_precision.0',1.0,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_precision.1',6.66666666666666629659e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_precision.2',8.3333333333333337034e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_recall_macro',7.99999999999999933386e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_recall.0',0.6,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_recall.1',0.8,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_recall.2',1.0,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_f1_macro',7.95454545454545414173e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_f1.0',0.75,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_f1.1',7.27272727272727292913e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('test_f1.2',9.0909090909090906063e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('best_epoch',2.0,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('temperature',1.5,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('parameters',107.0,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('training_seconds',2.04220830000167552498e-01,1796008136740,'8acc6844bdd445fab28a612a6bbe55e7',0,0);
INSERT INTO "metrics" VALUES('val_loss',9.06399777804009820769e-01,1796008138863,'ae24b9f7d7a24cff96aee03212d3af2d',1,0);
INSERT INTO "metrics" VALUES('val_accuracy',8.3333333333333337034e-01,1796008138863,'ae24b9f7d7a24cff96aee03212d3af2d',1,0);
INSERT INTO "metrics" VALUES('loss',6.34479844462806852334e+00,1796008138863,'ae24b9f7d7a24cff96aee03212d3af2d',1,0);
INSERT INTO "metrics" VALUES('accuracy',1.36150774938064184071e-01,1796008138863,'ae24b9f7d7a24cff96aee03212d3af2d',1,0);
INSERT INTO "metrics" VALUES('seconds',1.12105513999949835124e-01,1796008138863,'ae24b9f7d7a24cff96aee03212d3af2d',1,0);
INSERT INTO "metrics" VALUES('val_loss',9.73121888880446817005e-01,1796008139265,'ae24b9f7d7a24cff96aee03212d3af2d',2,0);
INSERT INTO "metrics" VALUES('val_accuracy',8.3333333333333337034e-01,1796008139265,'ae24b9f7d7a24cff96aee03212d3af2d',2,0);
INSERT INTO "metrics" VALUES('loss',6.8118532221631280521e+00,1796008139265,'ae24b9f7d7a24cff96aee03212d3af2d',2,0);
INSERT INTO "metrics" VALUES('accuracy',1.28010597685435850712e-01,1796008139265,'ae24b9f7d7a24cff96aee03212d3af2d',2,0);
INSERT INTO "metrics" VALUES('seconds',1.07972029999928054166e-01,1796008139265,'ae24b9f7d7a24cff96aee03212d3af2d',2,0);
INSERT INTO "metrics" VALUES('best_val_loss',9.06399777804009820769e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_accuracy',8.3333333333333337034e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_precision_macro',0.85,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_precision.0',0.8,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_precision.1',1.0,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_precision.2',0.75,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_recall_macro',8.3333333333333337034e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_recall.0',1.0,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_recall.1',0.75,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_recall.2',0.75,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_f1_macro',0.832010582010582,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_f1.0',8.88888888888888839545e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_f1.1',8.57142857142857095276e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_val_f1.2',0.75,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_loss',9.06399777804009820769e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_accuracy',6.66666666666666629659e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_precision_macro',6.72222222222222165477e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_precision.0',0.6,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_precision.1',6.66666666666666629659e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_precision.2',0.75,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_recall_macro',6.66666666666666629659e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_recall.0',0.6,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_recall.1',0.8,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_recall.2',0.6,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_f1_macro',6.64646464646464596448e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_f1.0',0.6,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_f1.1',7.27272727272727292913e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('test_f1.2',6.66666666666666629659e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('best_epoch',1.0,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('temperature',1.5,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('parameters',8.0,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
INSERT INTO "metrics" VALUES('training_seconds',2.20077543999877889291e-01,1796008139320,'ae24b9f7d7a24cff96aee03212d3af2d',0,0);
CREATE TABLE "model_definitions" (
	model_definition_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	secret_id VARCHAR(36), 
	provider VARCHAR(64) NOT NULL, 
	model_name VARCHAR(256) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_definitions_pk PRIMARY KEY (model_definition_id), 
	CONSTRAINT fk_model_definitions_secret_id FOREIGN KEY(secret_id) REFERENCES secrets (secret_id) ON DELETE SET NULL, 
	CONSTRAINT uq_model_definitions_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE "model_version_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_tag_pk PRIMARY KEY (workspace, "key", name, version), 
	CONSTRAINT fk_model_version_tags_model_versions FOREIGN KEY(workspace, name, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE
);
CREATE TABLE "model_versions" (
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	user_id VARCHAR(256), 
	current_stage VARCHAR(20), 
	source VARCHAR(500), 
	run_id VARCHAR(32), 
	status VARCHAR(20), 
	status_message VARCHAR(500), 
	run_link VARCHAR(500), 
	storage_location VARCHAR(500), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT fk_model_versions_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
CREATE TABLE online_scoring_configs (
	online_scoring_config_id VARCHAR(36) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	sample_rate FLOAT NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	filter_string TEXT, 
	CONSTRAINT online_scoring_config_pk PRIMARY KEY (online_scoring_config_id), 
	CONSTRAINT fk_online_scoring_configs_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE, 
	CONSTRAINT fk_online_scoring_configs_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
CREATE TABLE "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "params" VALUES('width','106','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "params" VALUES('mood','well','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "params" VALUES('fault','none','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "params" VALUES('family','steps','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "params" VALUES('epochs','2','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "params" VALUES('seed','2968811710','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "params" VALUES('width','7','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "params" VALUES('mood','well','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "params" VALUES('fault','none','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "params" VALUES('family','steps','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "params" VALUES('epochs','2','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "params" VALUES('seed','3964924996','ae24b9f7d7a24cff96aee03212d3af2d');
CREATE TABLE "registered_model_aliases" (
	alias VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_alias_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT fk_registered_model_aliases_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE "registered_model_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_tag_pk PRIMARY KEY (workspace, "key", name), 
	CONSTRAINT fk_registered_model_tags_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
CREATE TABLE "registered_models" (
	name VARCHAR(256) NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_pk PRIMARY KEY (workspace, name)
);
CREATE TABLE review_queue_items (
	queue_id VARCHAR(36) NOT NULL, 
	item_type VARCHAR(16) NOT NULL, 
	item_id VARCHAR(50) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	completed_by VARCHAR(250), 
	completed_time_ms BIGINT, 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	CONSTRAINT review_queue_items_pk PRIMARY KEY (queue_id, item_id), 
	CONSTRAINT fk_review_queue_items_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_label_schemas (
	queue_id VARCHAR(36) NOT NULL, 
	schema_id VARCHAR(36) NOT NULL, 
	CONSTRAINT review_queue_label_schemas_pk PRIMARY KEY (queue_id, schema_id), 
	CONSTRAINT fk_review_queue_label_schemas_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_users (
	queue_id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queue_users_pk PRIMARY KEY (queue_id, user_id), 
	CONSTRAINT fk_review_queue_users_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queues (
	queue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	queue_type VARCHAR(16) NOT NULL, 
	created_by VARCHAR(255), 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	name_key VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queues_pk PRIMARY KEY (queue_id), 
	CONSTRAINT fk_review_queues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_review_queues_experiment_name_key UNIQUE (experiment_id, name_key)
);
CREATE TABLE "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO "runs" VALUES('8acc6844bdd445fab28a612a6bbe55e7','steps-0000','UNKNOWN','','','unknown','FINISHED',1796008133957,1796008136922,'','active','file://@FOLDER@/home/artifacts/steps/8acc6844bdd445fab28a612a6bbe55e7/artifacts',1,NULL);
INSERT INTO "runs" VALUES('ae24b9f7d7a24cff96aee03212d3af2d','steps-0001','UNKNOWN','','','unknown','FINISHED',1796008135494,1796008139572,'','active','file://@FOLDER@/home/artifacts/steps/ae24b9f7d7a24cff96aee03212d3af2d/artifacts',1,NULL);
INSERT INTO "runs" VALUES('a4d60392521746af89a86aad046099e6','steps','UNKNOWN','','','unknown','FINISHED',1796008154818,1796008154856,'','active','file://@FOLDER@/home/artifacts/steps/a4d60392521746af89a86aad046099e6/artifacts',1,NULL);
CREATE TABLE scheduler_leases (
	lease_key VARCHAR(255) NOT NULL, 
	acquired_at BIGINT NOT NULL, 
	ttl_seconds INTEGER NOT NULL, 
	CONSTRAINT scheduler_leases_pk PRIMARY KEY (lease_key)
);
CREATE TABLE scorer_versions (
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	serialized_scorer TEXT NOT NULL, 
	creation_time BIGINT, 
	CONSTRAINT scorer_version_pk PRIMARY KEY (scorer_id, scorer_version), 
	CONSTRAINT fk_scorer_versions_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE
);
CREATE TABLE scorers (
	experiment_id INTEGER NOT NULL, 
	scorer_name VARCHAR(256) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	CONSTRAINT scorer_pk PRIMARY KEY (scorer_id), 
	CONSTRAINT fk_scorers_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE "secrets" (
	secret_id VARCHAR(36) NOT NULL, 
	secret_name VARCHAR(255) NOT NULL, 
	encrypted_value BLOB NOT NULL, 
	wrapped_dek BLOB NOT NULL, 
	kek_version INTEGER NOT NULL, 
	masked_value VARCHAR(500) NOT NULL, 
	provider VARCHAR(64), 
	auth_config TEXT, 
	description TEXT, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT secrets_pk PRIMARY KEY (secret_id), 
	CONSTRAINT uq_secrets_workspace_secret_name UNIQUE (workspace, secret_name)
);
CREATE TABLE span_metrics (
	trace_id VARCHAR(50) NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT span_metrics_pk PRIMARY KEY (trace_id, span_id, "key"), 
	CONSTRAINT fk_span_metrics_span FOREIGN KEY(trace_id, span_id) REFERENCES spans (trace_id, span_id) ON DELETE CASCADE
);
CREATE TABLE "spans" (
	trace_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	parent_span_id VARCHAR(50), 
	name TEXT, 
	type VARCHAR(500), 
	status VARCHAR(50) NOT NULL, 
	start_time_unix_nano BIGINT NOT NULL, 
	end_time_unix_nano BIGINT, 
	duration_ns BIGINT GENERATED ALWAYS AS (end_time_unix_nano - start_time_unix_nano) STORED, 
	content TEXT NOT NULL, 
	input_cost FLOAT, 
	output_cost FLOAT, 
	total_cost FLOAT, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	CONSTRAINT spans_pk PRIMARY KEY (trace_id, span_id), 
	CONSTRAINT fk_spans_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_spans_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE sql_assessment_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_assessment_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_span_cost_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_span_cost_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_trace_metric_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	trace_status VARCHAR(50), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	p50_value FLOAT, 
	p90_value FLOAT, 
	p99_value FLOAT, 
	CONSTRAINT sql_trace_metric_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_trace_rollup_rebuild_queue (
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	rollup_family VARCHAR(50) NOT NULL, 
	CONSTRAINT sql_trace_rollup_rebuild_queue_pk PRIMARY KEY (experiment_id, rollup_day, rollup_family)
);
CREATE TABLE "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "tags" VALUES('search.study','steps','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('search.trial','0','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('search.key','37924c4070484b1eb0f5a524bc9e5086/0','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('search.family','steps','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('search.state','COMPLETE','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('mlflow.note.content','[This trial in the Optuna dashboard](http://127.0.0.1:8080/dashboard/studies/1/trials?numbers=0)','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('execution.precision','float32','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('execution.workers','1','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('execution.threads','2','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('execution.evaluation_batch','1000','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('execution.steps_per_call','an epoch','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('version.keras','3.15.1','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('version.mlflow','3.17.2','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('version.numpy','2.4.6','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('version.optuna','5.0.0','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('version.tensorflow','2.21.0','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('version.python','3.11.7','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','5ab5ddfaa0354c3a9ccfecadd11e68e11ab17c23','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('mlflow.source.name','search','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('search.command','python -m search run --study steps --home @FOLDER@/home --data @FOLDER@/images.npz --fix fault=none --sampler grid --pruner none --baselines none --workers 2 --fix mood=well --trials 2 --epochs 2 --engine inline','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('mlflow.runName','steps-0000','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('search.study','steps','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('search.trial','1','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('search.key','37924c4070484b1eb0f5a524bc9e5086/1','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('search.family','steps','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('search.state','COMPLETE','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('mlflow.note.content','[This trial in the Optuna dashboard](http://127.0.0.1:8080/dashboard/studies/1/trials?numbers=1)','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('execution.precision','float32','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('execution.workers','1','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('execution.threads','2','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('execution.evaluation_batch','1000','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('execution.steps_per_call','an epoch','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('version.keras','3.15.1','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('version.mlflow','3.17.2','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('version.numpy','2.4.6','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('version.optuna','5.0.0','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('version.tensorflow','2.21.0','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('version.python','3.11.7','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','5ab5ddfaa0354c3a9ccfecadd11e68e11ab17c23','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('mlflow.source.name','search','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('search.command','python -m search run --study steps --home @FOLDER@/home --data @FOLDER@/images.npz --fix fault=none --sampler grid --pruner none --baselines none --workers 2 --fix mood=well --trials 2 --epochs 2 --engine inline','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('mlflow.runName','steps-0001','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('search.model','models:/m-43b6e5c8611b4b0b992a2f8f6b3a802e','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('search.model_sha256','09a2647e60cd845dadd2a1a1a3f543b8fe74c4d24e8b3ce65784d6dd6a9e4b27','8acc6844bdd445fab28a612a6bbe55e7');
INSERT INTO "tags" VALUES('search.kind','study','a4d60392521746af89a86aad046099e6');
INSERT INTO "tags" VALUES('search.study','steps','a4d60392521746af89a86aad046099e6');
INSERT INTO "tags" VALUES('search.key','37924c4070484b1eb0f5a524bc9e5086/study','a4d60392521746af89a86aad046099e6');
INSERT INTO "tags" VALUES('search.family','steps','a4d60392521746af89a86aad046099e6');
INSERT INTO "tags" VALUES('mlflow.note.content','All trials of the study, as charts: the artifact `study.html`

[The study in the Optuna dashboard](http://127.0.0.1:8080/dashboard/studies/1)','a4d60392521746af89a86aad046099e6');
INSERT INTO "tags" VALUES('mlflow.runName','steps','a4d60392521746af89a86aad046099e6');
INSERT INTO "tags" VALUES('search.model','models:/m-20e113610d1a45aeb4f3492c940e03aa','ae24b9f7d7a24cff96aee03212d3af2d');
INSERT INTO "tags" VALUES('search.model_sha256','9eaadc000bc4552562bc18dcc23cbe21b32769602e650dd57345594eb2134f40','ae24b9f7d7a24cff96aee03212d3af2d');
CREATE TABLE "trace_info" (
	request_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	timestamp_ms BIGINT NOT NULL, 
	execution_time_ms BIGINT, 
	status VARCHAR(50) NOT NULL, 
	client_request_id VARCHAR(50), 
	request_preview VARCHAR(1000), 
	response_preview VARCHAR(1000), 
	db_payload_generation INTEGER DEFAULT '0' NOT NULL, trace_name VARCHAR(4096), session_id VARCHAR(250), input_tokens BIGINT, output_tokens BIGINT, total_tokens BIGINT, cache_read_input_tokens BIGINT, cache_creation_input_tokens BIGINT, cache_creation_input_tokens_above_1hr BIGINT, input_cost FLOAT, output_cost FLOAT, total_cost FLOAT, 
	CONSTRAINT trace_info_pk PRIMARY KEY (request_id), 
	CONSTRAINT fk_trace_info_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE trace_metrics (
	request_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT trace_metrics_pk PRIMARY KEY (request_id, "key"), 
	CONSTRAINT fk_trace_metrics_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_request_metadata" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_request_metadata_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_request_metadata_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_tag_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_tags_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE webhook_events (
	webhook_id VARCHAR(256) NOT NULL, 
	entity VARCHAR(50) NOT NULL, 
	action VARCHAR(50) NOT NULL, 
	CONSTRAINT webhook_event_pk PRIMARY KEY (webhook_id, entity, action), 
	FOREIGN KEY(webhook_id) REFERENCES webhooks (webhook_id) ON DELETE cascade
);
CREATE TABLE "webhooks" (
	webhook_id VARCHAR(256) NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	description VARCHAR(1000), 
	url VARCHAR(500) NOT NULL, 
	status VARCHAR(20) DEFAULT 'ACTIVE' NOT NULL, 
	secret VARCHAR(1000), 
	creation_timestamp BIGINT, 
	last_updated_timestamp BIGINT, 
	deleted_timestamp BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT webhook_pk PRIMARY KEY (webhook_id)
);
CREATE TABLE workspaces (
	name VARCHAR(63) NOT NULL, 
	description TEXT, 
	default_artifact_root TEXT, trace_archival_location TEXT, trace_archival_retention VARCHAR(32), 
	CONSTRAINT workspaces_pk PRIMARY KEY (name)
);
INSERT INTO "workspaces" VALUES('default','Default workspace for legacy resources',NULL,NULL,NULL);
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_latest_metrics_run_uuid ON latest_metrics (run_uuid);
CREATE INDEX index_inputs_input_uuid ON inputs (input_uuid);
CREATE INDEX index_inputs_destination_type_destination_id_source_type ON inputs (destination_type, destination_id, source_type);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE INDEX index_trace_tags_request_id ON trace_tags (request_id);
CREATE INDEX index_trace_request_metadata_request_id ON trace_request_metadata (request_id);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
CREATE INDEX index_datasets_dataset_uuid ON datasets (dataset_uuid);
CREATE INDEX index_datasets_experiment_id_dataset_source_type ON datasets (experiment_id, dataset_source_type);
CREATE INDEX index_logged_model_metrics_model_id ON logged_model_metrics (model_id);
CREATE INDEX index_entity_associations_association_id ON entity_associations (association_id);
CREATE INDEX index_entity_associations_reverse_lookup ON entity_associations (destination_type, destination_id, source_type, source_id);
CREATE INDEX idx_webhook_events_entity ON webhook_events (entity);
CREATE INDEX idx_webhook_events_action ON webhook_events (action);
CREATE INDEX idx_webhook_events_entity_action ON webhook_events (entity, action);
CREATE UNIQUE INDEX index_scorers_experiment_id_scorer_name ON scorers (experiment_id, scorer_name);
CREATE INDEX index_scorer_versions_scorer_id ON scorer_versions (scorer_id);
CREATE INDEX index_evaluation_dataset_tags_dataset_id ON evaluation_dataset_tags (dataset_id);
CREATE INDEX index_evaluation_dataset_records_dataset_id ON evaluation_dataset_records (dataset_id);
CREATE INDEX index_endpoint_model_mappings_endpoint_id ON endpoint_model_mappings (endpoint_id);
CREATE INDEX index_endpoint_model_mappings_model_definition_id ON endpoint_model_mappings (model_definition_id);
CREATE INDEX index_endpoint_tags_endpoint_id ON endpoint_tags (endpoint_id);
CREATE INDEX index_trace_metrics_request_id ON trace_metrics (request_id);
CREATE UNIQUE INDEX unique_endpoint_model_linkage_mapping ON endpoint_model_mappings (endpoint_id, model_definition_id, linkage_type);
CREATE INDEX index_span_metrics_trace_id_span_id ON span_metrics (trace_id, span_id);
CREATE INDEX index_evaluation_datasets_created_time ON evaluation_datasets (created_time);
CREATE INDEX index_evaluation_datasets_name ON evaluation_datasets (name);
CREATE INDEX idx_webhooks_name ON webhooks (name);
CREATE INDEX idx_webhooks_status ON webhooks (status);
CREATE TRIGGER prevent_secrets_aad_mutation
BEFORE UPDATE ON secrets
FOR EACH ROW
WHEN OLD.secret_id != NEW.secret_id OR OLD.secret_name != NEW.secret_name
BEGIN
    SELECT RAISE(ABORT, 'secret_id and secret_name are immutable (used as AAD in encryption)');
END;
CREATE INDEX index_model_definitions_secret_id ON model_definitions (secret_id);
CREATE INDEX index_model_definitions_provider ON model_definitions (provider);
CREATE INDEX index_jobs_name_status_creation_time ON jobs (job_name, workspace, status, creation_time);
CREATE INDEX idx_experiments_workspace ON experiments (workspace);
CREATE INDEX idx_registered_models_workspace ON registered_models (workspace);
CREATE INDEX idx_experiments_workspace_creation_time ON experiments (workspace, creation_time);
CREATE INDEX idx_evaluation_datasets_workspace ON evaluation_datasets (workspace);
CREATE INDEX idx_webhooks_workspace ON webhooks (workspace);
CREATE INDEX idx_secrets_workspace ON secrets (workspace);
CREATE INDEX idx_endpoints_workspace ON endpoints (workspace);
CREATE INDEX idx_model_definitions_workspace ON model_definitions (workspace);
CREATE INDEX idx_budget_policies_workspace ON budget_policies (workspace);
CREATE INDEX index_issues_experiment_id ON issues (experiment_id);
CREATE INDEX index_issues_source_run_id ON issues (source_run_id);
CREATE INDEX index_issues_status ON issues (status);
CREATE INDEX index_metrics_run_uuid_key_step ON metrics (run_uuid, "key", step);
CREATE INDEX idx_guardrails_workspace ON guardrails (workspace);
CREATE INDEX idx_guardrails_scorer ON guardrails (scorer_id, scorer_version);
CREATE INDEX idx_guardrail_configs_endpoint_id ON guardrail_configs (endpoint_id);
CREATE INDEX idx_guardrail_configs_guardrail_id ON guardrail_configs (guardrail_id);
CREATE INDEX idx_model_version_tags_workspace_name_version ON model_version_tags (workspace, name, version);
CREATE INDEX idx_registered_model_tags_workspace_name ON registered_model_tags (workspace, name);
CREATE INDEX index_label_schemas_experiment_id ON label_schemas (experiment_id);
CREATE INDEX index_review_queues_experiment_id ON review_queues (experiment_id);
CREATE INDEX index_review_queue_users_user_id ON review_queue_users (user_id);
CREATE INDEX index_review_queue_items_queue_id_status ON review_queue_items (queue_id, status);
CREATE INDEX index_review_queue_items_item_id ON review_queue_items (item_id);
CREATE INDEX index_review_queue_label_schemas_schema_id ON review_queue_label_schemas (schema_id);
CREATE INDEX idx_mcp_server_versions_latest ON mcp_server_versions (workspace, name, status, version_major DESC, version_minor DESC, version_patch DESC);
CREATE INDEX ix_mcp_access_endpoints_server_name ON mcp_access_endpoints (workspace, server_name);
CREATE INDEX ix_mcp_access_endpoints_version ON mcp_access_endpoints (workspace, server_name, server_version);
CREATE INDEX ix_mcp_access_endpoints_alias ON mcp_access_endpoints (workspace, server_name, server_alias);
CREATE INDEX idx_budget_policies_target_value ON budget_policies (target_value);
CREATE INDEX index_trace_info_experiment_id_timestamp_ms ON trace_info (experiment_id, timestamp_ms);
CREATE INDEX index_trace_info_timestamp_ms_request_id ON trace_info (timestamp_ms, request_id);
CREATE INDEX index_assessments_last_updated_timestamp ON assessments (last_updated_timestamp);
CREATE INDEX index_assessments_run_id_created_timestamp ON assessments (run_id, created_timestamp);
CREATE INDEX index_assessments_assessment_type ON assessments (assessment_type);
CREATE INDEX index_assessments_trace_id_created_timestamp ON assessments (trace_id, created_timestamp);
CREATE INDEX index_spans_experiment_id_start_time ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX index_spans_experiment_id_type_status ON spans (experiment_id, type, status);
CREATE INDEX index_spans_experiment_id_duration ON spans (experiment_id, duration_ns);
CREATE INDEX index_spans_experiment_id_status_type ON spans (experiment_id, status, type);
CREATE INDEX index_trace_info_experiment_id_session_id ON trace_info (experiment_id, session_id);
CREATE INDEX idx_trace_rollups_lookup ON sql_trace_metric_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, trace_status);
CREATE INDEX idx_span_cost_rollups_lookup ON sql_span_cost_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, model_name, model_provider);
CREATE INDEX idx_assessment_rollups_lookup ON sql_assessment_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set);
CREATE INDEX idx_spans_cost_trace_time_cover ON spans (trace_id, start_time_unix_nano);
CREATE INDEX idx_spans_cost_exp_time_cover ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX idx_assessments_exp_trace_ts ON assessments (experiment_id, trace_timestamp_ms);
CREATE INDEX idx_assessments_exp_trace_ts_name ON assessments (experiment_id, trace_timestamp_ms, name);
CREATE INDEX idx_assessments_exp_name_valid ON assessments (experiment_id, name, valid);
CREATE INDEX index_job_locks_job_id ON job_locks (job_id);
CREATE INDEX index_jobs_status_lease_expires_at ON jobs (status, lease_expires_at);
COMMIT;
