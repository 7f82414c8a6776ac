BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'steps');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_system_attributes" VALUES(1,1,'study:metric_names','["val_accuracy"]');
INSERT INTO "study_system_attributes" VALUES(2,1,'dashboard:1:note_ver','1');
INSERT INTO "study_system_attributes" VALUES(3,1,'dashboard:1:note_str:0','"[This trial''s run in MLflow](http://127.0.0.1:5000/#/runs/8acc6844bdd445fab28a612a6bbe55e7)\n\n`python -m search show steps/0`\n\n| best_val_accuracy | test_accuracy | best_epoch | parameters | training_seconds |\n| ---: | ---: | ---: | ---: | ---: |\n| 0.9167 | 0.8000 | 2 | 107 | 0.2042 |\n\n![confusion/test.png](/artifacts/1/1/1-0-0)"');
INSERT INTO "study_system_attributes" VALUES(4,1,'dashboard:2:note_ver','1');
INSERT INTO "study_system_attributes" VALUES(5,1,'dashboard:2:note_str:0','"[This trial''s run in MLflow](http://127.0.0.1:5000/#/runs/ae24b9f7d7a24cff96aee03212d3af2d)\n\n`python -m search show steps/1`\n\n| best_val_accuracy | test_accuracy | best_epoch | parameters | training_seconds |\n| ---: | ---: | ---: | ---: | ---: |\n| 0.8333 | 0.6667 | 1 | 8 | 0.2201 |\n\n![confusion/test.png](/artifacts/1/2/1-1-0)"');
INSERT INTO "study_system_attributes" VALUES(6,1,'dashboard:note_ver','1');
INSERT INTO "study_system_attributes" VALUES(7,1,'dashboard:note_str:0','"**Best: [trial 0](http://127.0.0.1:8080/dashboard/studies/1/trials?numbers=0)**\n\n[Its run in MLflow](http://127.0.0.1:5000/#/runs/8acc6844bdd445fab28a612a6bbe55e7)\n\n| best_val_accuracy | test_accuracy | best_epoch | parameters | training_seconds |\n| ---: | ---: | ---: | ---: | ---: |\n| 0.9167 | 0.8000 | 2 | 107 | 0.2042 |\n\n[Its charts in MLflow](http://127.0.0.1:5000/#/runs/a4d60392521746af89a86aad046099e6)\n\n`python -m search show steps`, `python -m search compare steps`"');
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'uuid','"37924c4070484b1eb0f5a524bc9e5086"');
INSERT INTO "study_user_attributes" VALUES(2,1,'distributions','{"fault": "none, bug, memory, hangs", "mood": "well, fine, good, diverges, infeasible", "width": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 200"}');
INSERT INTO "study_user_attributes" VALUES(3,1,'identity','{"data": "eeef43ed9f1f0ccdc97ad8262da64b59", "space": "108dd04de7062c88", "goal": "val_accuracy"}');
INSERT INTO "study_user_attributes" VALUES(4,1,'settings','{"family": "steps", "trials": 2, "epochs": 2, "images": null, "trial_timeout": null, "precision": "auto", "patience": null, "seed": 0, "sampler": "grid", "pruner": "none", "fix": ["fault=none", "mood=well"], "baselines": "none", "repeats": false, "keep": 0, "data": "@FOLDER@/images.npz", "weights": "imagenet", "objective": null, "max_parameters": null, "max_seconds_per_epoch": null}');
INSERT INTO "study_user_attributes" VALUES(5,1,'asked_for','2');
INSERT INTO "study_user_attributes" VALUES(6,1,'mlflow_run_id','"a4d60392521746af89a86aad046099e6"');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,1,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,2,9.16666666666666629659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,2,1,8.3333333333333337034e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,2,2,8.3333333333333337034e-01,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'width',105.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 200]}}');
INSERT INTO "trial_params" VALUES(2,1,'mood',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["well", "fine", "good", "diverges", "infeasible"]}}');
INSERT INTO "trial_params" VALUES(3,1,'fault',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "bug", "memory", "hangs"]}}');
INSERT INTO "trial_params" VALUES(4,2,'width',6.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 200]}}');
INSERT INTO "trial_params" VALUES(5,2,'mood',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["well", "fine", "good", "diverges", "infeasible"]}}');
INSERT INTO "trial_params" VALUES(6,2,'fault',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "bug", "memory", "hangs"]}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'fixed_params','{"width": 106, "mood": "well", "fault": "none"}');
INSERT INTO "trial_system_attributes" VALUES(2,2,'fixed_params','{"width": 7, "mood": "well", "fault": "none"}');
INSERT INTO "trial_system_attributes" VALUES(3,1,'artifacts:1-0-0','"{\"artifact_id\": \"1-0-0\", \"filename\": \"confusion-test.png\", \"mimetype\": \"image/png\", \"encoding\": null}"');
INSERT INTO "trial_system_attributes" VALUES(4,1,'artifacts:1-0-1','"{\"artifact_id\": \"1-0-1\", \"filename\": \"curves.png\", \"mimetype\": \"image/png\", \"encoding\": null}"');
INSERT INTO "trial_system_attributes" VALUES(5,1,'artifacts:1-0-2','"{\"artifact_id\": \"1-0-2\", \"filename\": \"predictions-samples.png\", \"mimetype\": \"image/png\", \"encoding\": null}"');
INSERT INTO "trial_system_attributes" VALUES(6,1,'artifacts:1-0-3','"{\"artifact_id\": \"1-0-3\", \"filename\": \"predictions-mistakes.png\", \"mimetype\": \"image/png\", \"encoding\": null}"');
INSERT INTO "trial_system_attributes" VALUES(7,2,'artifacts:1-1-0','"{\"artifact_id\": \"1-1-0\", \"filename\": \"confusion-test.png\", \"mimetype\": \"image/png\", \"encoding\": null}"');
INSERT INTO "trial_system_attributes" VALUES(8,2,'artifacts:1-1-1','"{\"artifact_id\": \"1-1-1\", \"filename\": \"curves.png\", \"mimetype\": \"image/png\", \"encoding\": null}"');
INSERT INTO "trial_system_attributes" VALUES(9,2,'artifacts:1-1-2','"{\"artifact_id\": \"1-1-2\", \"filename\": \"predictions-samples.png\", \"mimetype\": \"image/png\", \"encoding\": null}"');
INSERT INTO "trial_system_attributes" VALUES(10,2,'artifacts:1-1-3','"{\"artifact_id\": \"1-1-3\", \"filename\": \"predictions-mistakes.png\", \"mimetype\": \"image/png\", \"encoding\": null}"');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'mlflow_run_id','"8acc6844bdd445fab28a612a6bbe55e7"');
INSERT INTO "trial_user_attributes" VALUES(2,2,'mlflow_run_id','"ae24b9f7d7a24cff96aee03212d3af2d"');
INSERT INTO "trial_user_attributes" VALUES(3,1,'best_val_loss','0.8048225571638873');
INSERT INTO "trial_user_attributes" VALUES(4,1,'best_val_accuracy','0.9166666666666666');
INSERT INTO "trial_user_attributes" VALUES(5,1,'best_val_precision_macro','0.9333333333333332');
INSERT INTO "trial_user_attributes" VALUES(6,1,'best_val_recall_macro','0.9166666666666666');
INSERT INTO "trial_user_attributes" VALUES(7,1,'best_val_f1_macro','0.9153439153439153');
INSERT INTO "trial_user_attributes" VALUES(8,1,'test_loss','0.8048225571638873');
INSERT INTO "trial_user_attributes" VALUES(9,1,'test_accuracy','0.8');
INSERT INTO "trial_user_attributes" VALUES(10,1,'test_precision_macro','0.8333333333333334');
INSERT INTO "trial_user_attributes" VALUES(11,1,'test_recall_macro','0.7999999999999999');
INSERT INTO "trial_user_attributes" VALUES(12,1,'test_f1_macro','0.7954545454545454');
INSERT INTO "trial_user_attributes" VALUES(13,1,'best_epoch','2.0');
INSERT INTO "trial_user_attributes" VALUES(14,1,'temperature','1.5');
INSERT INTO "trial_user_attributes" VALUES(15,1,'parameters','107.0');
INSERT INTO "trial_user_attributes" VALUES(16,1,'training_seconds','0.20422083000016755');
INSERT INTO "trial_user_attributes" VALUES(17,2,'best_val_loss','0.9063997778040098');
INSERT INTO "trial_user_attributes" VALUES(18,2,'best_val_accuracy','0.8333333333333334');
INSERT INTO "trial_user_attributes" VALUES(19,2,'best_val_precision_macro','0.85');
INSERT INTO "trial_user_attributes" VALUES(20,2,'best_val_recall_macro','0.8333333333333334');
INSERT INTO "trial_user_attributes" VALUES(21,2,'best_val_f1_macro','0.832010582010582');
INSERT INTO "trial_user_attributes" VALUES(22,2,'test_loss','0.9063997778040098');
INSERT INTO "trial_user_attributes" VALUES(23,2,'test_accuracy','0.6666666666666666');
INSERT INTO "trial_user_attributes" VALUES(24,2,'test_precision_macro','0.6722222222222222');
INSERT INTO "trial_user_attributes" VALUES(25,2,'test_recall_macro','0.6666666666666666');
INSERT INTO "trial_user_attributes" VALUES(26,2,'test_f1_macro','0.6646464646464646');
INSERT INTO "trial_user_attributes" VALUES(27,2,'best_epoch','1.0');
INSERT INTO "trial_user_attributes" VALUES(28,2,'temperature','1.5');
INSERT INTO "trial_user_attributes" VALUES(29,2,'parameters','8.0');
INSERT INTO "trial_user_attributes" VALUES(30,2,'training_seconds','0.2200775439998779');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,9.16666666666666629659e-01,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,8.3333333333333337034e-01,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-30 03:08:53.527528','2026-11-30 03:08:57.921827');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-30 03:08:54.305718','2026-11-30 03:09:01.267051');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
